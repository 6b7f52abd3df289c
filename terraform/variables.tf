# Only `bucket` must be given. docs/account.md explains each, and tells what it costs.

variable "bucket" {
  description = "The S3 bucket of the collections. The name is unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket has 3 to 63 lower-case letters, digits, '-' and '.'."
  }

  # "General purpose bucket naming rules" in the S3 User Guide.
  validation {
    condition     = !can(regex("\\.\\.|\\.-|-\\.|^[0-9.]+$|^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3|\\.mrap)$", var.bucket))
    error_message = "bucket is a name that S3 refuses: no '..', '.-' or '-.', no address, and none of the beginnings and ends that it keeps for itself."
  }
}

variable "region" {
  description = "The AWS region of all that is made."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "What the cluster, the roles and the rest are called; another one for a second set in the same account."
  type        = string
  default     = "twarc-cloud"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "name has 2 to 30 lower-case letters, digits and '-', and begins with a letter."
  }

  validation {
    condition     = !can(regex("^(aws|ssm)", var.name))
    error_message = "name does not begin with aws or ssm: AWS keeps such paths of parameters for itself."
  }
}

# -- the image ---------------------------------------------------------------------------------------------------------

variable "image" {
  description = "A public image, registry/repository:tag. Empty: a private repository is made for your own (docs/account.md)."
  type        = string
  default     = ""
}

variable "image_tag" {
  description = "The tag of your own image in the repository that is made."
  type        = string
  default     = "2.0.0"
}

# -- the bucket --------------------------------------------------------------------------------------------------------

variable "destroy_bucket" {
  description = "Whether `terraform destroy` deletes the bucket with all that was collected. Without it, it stops at a bucket that holds something."
  type        = bool
  default     = false
}

variable "removed_kept_days" {
  description = "For how many days something that was removed from the bucket, a record for instance, can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.removed_kept_days >= 1 && floor(var.removed_kept_days) == var.removed_kept_days
    error_message = "removed_kept_days is a whole number from 1."
  }
}

variable "archive_after_days" {
  description = "After how many days what was harvested moves to a cheaper class of storage. 0: never."
  type        = number
  default     = 0

  validation {
    condition     = var.archive_after_days >= 0 && floor(var.archive_after_days) == var.archive_after_days
    error_message = "archive_after_days is a whole number from 0."
  }
}

variable "archive_class" {
  description = "That class: GLACIER_IR, STANDARD_IA or INTELLIGENT_TIERING are read at once; GLACIER and DEEP_ARCHIVE after hours."
  type        = string
  default     = "GLACIER_IR"

  validation {
    condition = contains(
      ["GLACIER_IR", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE"], var.archive_class
    )
    error_message = "archive_class is GLACIER_IR, STANDARD_IA, INTELLIGENT_TIERING, GLACIER or DEEP_ARCHIVE."
  }
}

variable "archive_collections" {
  description = "Only the harvests of these collections move; GLACIER and DEEP_ARCHIVE need at least one. Empty: all."
  type        = set(string)
  default     = []
}

variable "kms_key_arn" {
  description = "A KMS key of your own for the bucket, and for the keys of X in the parameter store. Empty: the keys that AWS manages, which cost nothing."
  type        = string
  default     = ""
}

# -- the network -------------------------------------------------------------------------------------------------------

variable "vpc_cidr" {
  description = "The addresses of the network; two subnets are cut from it, each a 256th part."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(regex("^[0-9.]+/(1[6-9]|20)$", var.vpc_cidr)) && can(cidrhost(var.vpc_cidr, 0))
    error_message = "vpc_cidr is a range of IPv4 addresses from /16 to /20: a subnet of AWS is a /28 at least."
  }
}

variable "zone_ids" {
  description = "The zones of the two subnets, e.g. [\"usw1-az1\", \"usw1-az3\"]. Empty: the first two that have Fargate."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.zone_ids) != 1
    error_message = "zone_ids names two zones at least."
  }
}

variable "vpc_id" {
  description = "A network that is there already, in the place of one that is made; with subnet_ids."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Its subnets for the tasks. They need a way out to the internet."
  type        = list(string)
  default     = []
}

variable "public_ip" {
  description = "Whether tasks get public addresses. Not in subnets that go out through a NAT gateway."
  type        = bool
  default     = true
}

variable "status_cidr" {
  description = "Who may reach the status port of a task, e.g. 192.0.2.7/32. Empty: there is no port, and nobody reaches anything."
  type        = string
  default     = ""

  validation {
    condition     = var.status_cidr == "" || (can(cidrhost(var.status_cidr, 0)) && !strcontains(var.status_cidr, ":"))
    error_message = "status_cidr is a range of IPv4 addresses, e.g. 192.0.2.7/32."
  }

  validation {
    condition     = !endswith(var.status_cidr, "/0")
    error_message = "status_cidr is not the whole internet."
  }
}

variable "status_port" {
  description = "That port; it counts only with status_cidr."
  type        = number
  default     = 8080

  validation {
    condition     = var.status_port >= 1024 && var.status_port <= 65535
    error_message = "status_port is from 1024 to 65535: a task is nobody special, and may not open those below."
  }
}

# -- tasks -------------------------------------------------------------------------------------------------------------

variable "task_cpu" {
  description = "The processor of a task, in 1/1024; a collection may ask for another size."
  type        = number
  default     = 256
}

variable "task_memory" {
  description = "Its memory, in MiB."
  type        = number
  default     = 512
}

variable "task_architecture" {
  description = "ARM64, or X86_64. The image must have it."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.task_architecture)
    error_message = "task_architecture is ARM64 or X86_64."
  }
}

variable "task_spot" {
  description = "Whether tasks are cheaper, and may be interrupted."
  type        = bool
  default     = false
}

variable "task_fallback" {
  description = "With task_spot: whether a task runs on demand where Spot has no room, and what is scheduled always does."
  type        = bool
  default     = false
}

variable "task_disk" {
  description = "The disk of a task, in GiB, 20 to 200."
  type        = number
  default     = 20

  validation {
    condition     = var.task_disk >= 20 && var.task_disk <= 200 && floor(var.task_disk) == var.task_disk
    error_message = "task_disk is a whole number from 20 to 200."
  }
}

variable "log_days" {
  description = "For how many days logs are kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days is 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or a number of years in days."
  }
}

variable "container_insights" {
  description = "Whether CloudWatch keeps figures of each task; it charges for them."
  type        = bool
  default     = false
}

# -- people ------------------------------------------------------------------------------------------------------------

variable "operators" {
  description = "ARNs of the users and roles that may become the operator, who runs twarc_cloud.py. Empty: only the policy is made, for you to attach."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operators : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "operators holds ARNs of users, roles or accounts (arn:aws:iam::ACCOUNT:user/NAME)."
  }
}

variable "permissions_boundary" {
  description = "The ARN of a policy that each role must have as its boundary, where your organisation asks for one."
  type        = string
  default     = ""
}

variable "iam_path" {
  description = "The path of roles and policies, where your organisation asks for one."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9_.-]+/)*$", var.iam_path))
    error_message = "iam_path begins and ends with '/', e.g. /archives/."
  }
}

variable "alarm_email" {
  description = "Who is told by AWS when a task dies or a schedule cannot start one, and of the budget. Empty: nobody."
  type        = string
  default     = ""
}

variable "quiet_exit_codes" {
  description = "Exit codes of a harvest that nobody is written to about (docs/exit-codes.md)."
  type        = set(number)
  # Complete, complete but for some accounts, another harvest was running, and the two ways of being asked to stop.
  default = [0, 3, 11, 130, 143]
}

variable "budget_limit" {
  description = "US dollars a month for the whole AWS account, of whose coming near alarm_email hears. 0: no budget is made."
  type        = number
  default     = 0

  validation {
    condition     = var.budget_limit >= 0
    error_message = "budget_limit is 0 or more."
  }
}
