# Only `bucket` is required. docs/account.md explains each variable and its cost.

variable "bucket" {
  description = "The S3 bucket of the collections. Bucket names are globally unique."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must have 3 to 63 lower-case letters, digits, '-' and '.'."
  }

  # "General purpose bucket naming rules" in the S3 User Guide.
  validation {
    condition     = !can(regex("\\.\\.|\\.-|-\\.|^[0-9.]+$|^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3|\\.mrap)$", var.bucket))
    error_message = "bucket is a name that S3 refuses: no '..', '.-' or '-.', no IP address, and no reserved prefix or suffix."
  }
}

variable "region" {
  description = "The AWS region of all resources."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "The name of the cluster, the roles and the rest; use another one for a second installation in the same account."
  type        = string
  default     = "twarc-cloud"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "name must have 2 to 30 lower-case letters, digits and '-', and begin with a letter."
  }

  validation {
    condition     = !can(regex("^(aws|ssm)", var.name))
    error_message = "name must not begin with aws or ssm: AWS reserves these parameter paths."
  }

  # It also names the repository of the image: RepositoryName in the API reference of ECR.
  validation {
    condition     = !strcontains(var.name, "--") && !endswith(var.name, "-")
    error_message = "name must not contain '--' or end with '-': ECR refuses such a repository."
  }
}

# -- the image ---------------------------------------------------------------------------------------------------------

variable "image" {
  description = "A public image, registry/repository:tag. Empty: a private repository is created for your own (docs/account.md)."
  type        = string
  default     = ""
}

variable "image_tag" {
  description = "The tag of your own image in that repository."
  type        = string
  default     = "2.0.0"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be a tag such as 2.0.0, without the repository."
  }
}

# -- the bucket --------------------------------------------------------------------------------------------------------

variable "destroy_bucket" {
  description = "Whether `terraform destroy` deletes the bucket with all collections. Otherwise it stops at a bucket that is not empty."
  type        = bool
  default     = false
}

variable "removed_kept_days" {
  description = "Days for which removed objects can be restored."
  type        = number
  default     = 30

  validation {
    condition     = var.removed_kept_days >= 1 && floor(var.removed_kept_days) == var.removed_kept_days
    error_message = "removed_kept_days must be a whole number of at least 1."
  }
}

variable "archive_after_days" {
  description = "Days until harvests move to a cheaper storage class. 0: never."
  type        = number
  default     = 0

  validation {
    condition     = var.archive_after_days >= 0 && floor(var.archive_after_days) == var.archive_after_days
    error_message = "archive_after_days must be a whole number of at least 0."
  }
}

variable "archive_class" {
  description = "That class: GLACIER_IR, STANDARD_IA or INTELLIGENT_TIERING are readable at once; GLACIER and DEEP_ARCHIVE after hours."
  type        = string
  default     = "GLACIER_IR"

  validation {
    condition = contains(
      ["GLACIER_IR", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE"], var.archive_class
    )
    error_message = "archive_class must be GLACIER_IR, STANDARD_IA, INTELLIGENT_TIERING, GLACIER or DEEP_ARCHIVE."
  }
}

variable "archive_collections" {
  description = "The collections whose harvests move; required for GLACIER and DEEP_ARCHIVE. Empty: all."
  type        = set(string)
  default     = []
}

variable "kms_key_arn" {
  description = "A KMS key of your own for the bucket, and for the keys of X in the parameter store. Empty: keys managed by AWS, which are free."
  type        = string
  default     = ""

  # In a policy, an alias allows no use of its key.
  validation {
    condition     = var.kms_key_arn == "" || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias."
  }
}

# -- the network -------------------------------------------------------------------------------------------------------

variable "vpc_cidr" {
  description = "The network's address range; each of the two subnets is a 256th of it."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(regex("^[0-9.]+/(1[6-9]|20)$", var.vpc_cidr)) && can(cidrhost(var.vpc_cidr, 0))
    error_message = "vpc_cidr must be an IPv4 range from /16 to /20: the smallest subnet in AWS is a /28."
  }
}

variable "zone_ids" {
  description = "The zones of the two subnets, e.g. [\"usw1-az1\", \"usw1-az3\"]. Empty: the first two with Fargate."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.zone_ids) != 1
    error_message = "zone_ids must have at least two zones."
  }
}

variable "vpc_id" {
  description = "An existing network to use instead of a new one; with subnet_ids."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Its subnets for the tasks. They need internet access."
  type        = list(string)
  default     = []
}

variable "public_ip" {
  description = "Whether tasks get public addresses. Set false in subnets behind a NAT gateway."
  type        = bool
  default     = true
}

variable "status_cidr" {
  description = "The addresses that may reach the status port of a task, e.g. 192.0.2.7/32. Empty: there is no port."
  type        = string
  default     = ""

  validation {
    condition     = var.status_cidr == "" || (can(cidrhost(var.status_cidr, 0)) && !strcontains(var.status_cidr, ":"))
    error_message = "status_cidr must be an IPv4 range, e.g. 192.0.2.7/32."
  }

  validation {
    condition     = !endswith(var.status_cidr, "/0")
    error_message = "status_cidr must not be the whole internet."
  }
}

variable "status_port" {
  description = "The status port, used only with status_cidr."
  type        = number
  default     = 8080

  validation {
    condition     = var.status_port >= 1024 && var.status_port <= 65535
    error_message = "status_port must be from 1024 to 65535: tasks run as an unprivileged user."
  }
}

variable "sink_ports" {
  description = "The TCP ports of your sinks other than 443, such as 9092 for Kafka. Tasks can connect to these and 443 only."
  type        = set(number)
  default     = []

  validation {
    condition     = alltrue([for port in var.sink_ports : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "sink_ports must be whole numbers from 1 to 65535."
  }
}

# -- tasks -------------------------------------------------------------------------------------------------------------

variable "task_cpu" {
  description = "The CPU units of a task (1024 = 1 vCPU); a collection can override the size."
  type        = number
  default     = 256
}

variable "task_memory" {
  description = "The memory of a task, in MiB."
  type        = number
  default     = 512
}

variable "task_architecture" {
  description = "ARM64 or X86_64. The image must support it."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.task_architecture)
    error_message = "task_architecture must be ARM64 or X86_64."
  }
}

variable "task_spot" {
  description = "Whether tasks run on Spot: cheaper, but may be interrupted."
  type        = bool
  default     = false
}

variable "task_fallback" {
  description = "With task_spot: whether a task runs on demand when Spot has no capacity; scheduled harvests then always run on demand."
  type        = bool
  default     = false
}

variable "task_disk" {
  description = "The disk of a task, in GiB, 20 to 200."
  type        = number
  default     = 20

  validation {
    condition     = var.task_disk >= 20 && var.task_disk <= 200 && floor(var.task_disk) == var.task_disk
    error_message = "task_disk must be a whole number from 20 to 200."
  }
}

variable "log_days" {
  description = "Log retention in days; one of the values that CloudWatch supports."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or a number of years in days."
  }
}

variable "container_insights" {
  description = "Whether CloudWatch records metrics of each task, which are charged for."
  type        = bool
  default     = false
}

# -- people ------------------------------------------------------------------------------------------------------------

variable "operators" {
  description = "ARNs of the users and roles that may assume the operator role. Empty: only the policy is created, for you to attach."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operators : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "operators must contain ARNs of users, roles or accounts (arn:aws:iam::ACCOUNT:user/NAME)."
  }
}

variable "permissions_boundary" {
  description = "The ARN of a permissions boundary for each role, if your organisation requires one."
  type        = string
  default     = ""
}

variable "iam_path" {
  description = "The IAM path of roles and policies, if your organisation requires one."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9_.-]+/)*$", var.iam_path))
    error_message = "iam_path must begin and end with '/', e.g. /archives/."
  }
}

variable "alarm_email" {
  description = "The e-mail address for alerts from AWS: failed tasks, failed starts, and the budget. Empty: no alerts."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@[:space:]]+@[^@[:space:]]+$", var.alarm_email))
    error_message = "alarm_email must be one e-mail address."
  }
}

variable "graph_workers" {
  description = "Whether several workers, each with an app of its own, may share a crawl; creates two queues, which cost nothing unless used."
  type        = bool
  default     = false
}

variable "sink_alarm" {
  description = "Whether a sink that is behind by more than ten minutes sends an alert to alarm_email. Costs 40 cents in a month in which it does."
  type        = bool
  default     = false
}

variable "quiet_exit_codes" {
  description = "Exit codes of a harvest that send no alert (docs/exit-codes.md)."
  type        = set(number)
  # Complete, partial, locked by another harvest, and the two kinds of stop.
  default = [0, 3, 11, 130, 143]
}

variable "budget_limit" {
  description = "A monthly budget in US dollars for the whole AWS account, with notifications to alarm_email. 0: no budget."
  type        = number
  default     = 0

  validation {
    condition     = var.budget_limit >= 0
    error_message = "budget_limit must be 0 or more."
  }
}

# -- SQL ---------------------------------------------------------------------------------------------------------------

variable "athena" {
  description = "Whether Athena can query the tables that `tables build` makes. It costs nothing until someone asks."
  type        = bool
  default     = false
}

variable "athena_gigabytes" {
  description = "The gigabytes that one query may read; AWS bills $5 for 1,000 of them, and 10 MB at least."
  type        = number
  default     = 10

  validation {
    condition     = var.athena_gigabytes >= 0.01
    error_message = "athena_gigabytes must be at least 0.01: Athena allows no smaller limit than 10 MB."
  }
}
