# The permissions of a person who runs twarc_cloud.py: what its commands need, and nothing in the account itself.

data "aws_iam_policy_document" "trust_operators" {
  count = length(var.operators) > 0 ? 1 : 0

  # The given principals; an account, `arn:aws:iam::ACCOUNT:root`, delegates to that account's administrator.
  statement {
    sid     = "TheseOperators"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.operators
    }
  }
}

data "aws_iam_policy_document" "operator" {
  # checkov:skip=CKV_AWS_356: "*" is used only where AWS supports no narrower resource, as each comment says
  # checkov:skip=CKV_AWS_111: writes to "*" are task definitions only, for the same reason

  # -- the bucket

  # Add, change, download, verify and delete collections, but not versions: only the account's administrator can
  # restore removed objects.
  statement {
    sid       = "ReadAndStoreCollections"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = [local.objects]

    # Anyone can take the name of a deleted bucket: do not write to, or read from, someone else's.
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # `tables build`, `tables compact` and `report publish`: what is made of the collections, and can be made again. The tasks
  # do not need this.
  statement {
    sid       = "KeepTables"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.collections.arn}/tables/*", "${aws_s3_bucket.collections.arn}/reports/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # Listing, and whether the bucket exists.
  statement {
    sid       = "ListCollections"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.collections.arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # -- SQL, if there is any

  # Ask, in the workgroup that limits what a query reads, and take its named queries.
  dynamic "statement" {
    for_each = local.athena

    content {
      sid = "Ask"
      actions = [
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:GetNamedQuery",
        "athena:ListNamedQueries",
        "athena:GetWorkGroup",
      ]
      resources = [aws_athena_workgroup.tables[0].arn]
    }
  }

  # What tables there are, and their columns; Athena asks for it in the name of the person.
  dynamic "statement" {
    for_each = local.athena

    content {
      sid     = "SeeTables"
      actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
      resources = [
        "arn:${local.partition}:glue:${var.region}:${local.account}:catalog",
        aws_glue_catalog_database.tables[0].arn,
        "arn:${local.partition}:glue:${var.region}:${local.account}:table/${local.database}/*",
      ]
    }
  }

  # Athena stores answers in the name of the person, who reads them.
  dynamic "statement" {
    for_each = local.athena

    content {
      sid       = "KeepAnswers"
      actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
      resources = [local.answers]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = [local.account]
      }
    }
  }

  # Athena looks where the bucket is before it stores an answer.
  dynamic "statement" {
    for_each = local.athena

    content {
      sid       = "FindBucket"
      actions   = ["s3:GetBucketLocation"]
      resources = [aws_s3_bucket.collections.arn]
    }
  }

  # -- tasks

  # `schedule` needs the cluster's ARN.
  statement {
    sid       = "SeeCluster"
    actions   = ["ecs:DescribeClusters"]
    resources = [aws_ecs_cluster.harvests.arn]
  }

  # `once`.
  statement {
    sid       = "StartHarvests"
    actions   = ["ecs:RunTask"]
    resources = [local.definition]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.harvests.arn]
    }
  }

  # `harvest stop` for a task that does not poll the store yet; and the state of a task.
  statement {
    sid       = "SeeAndStopHarvests"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = [local.task]
  }

  # `filter-start` and `filter-stop`.
  statement {
    sid       = "KeepStreams"
    actions   = ["ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService"]
    resources = [local.service]
  }

  # `harvest list` reads the whole cluster, and shows what belongs to this bucket.
  statement {
    sid       = "SeeStreams"
    actions   = ["ecs:DescribeServices"]
    resources = ["${local.ecs}:service/${var.name}/*"]
  }

  # AWS supports no resource for listings, but a condition on the cluster.
  statement {
    sid       = "ListWhatRuns"
    actions   = ["ecs:ListTasks", "ecs:ListServices"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.harvests.arn]
    }
  }

  # A task definition is registered when settings change. AWS supports no resource for these actions; what a definition
  # can do is limited by the roles that may be passed, below.
  statement {
    sid = "DefineTasks"
    actions = [
      "ecs:RegisterTaskDefinition",
      "ecs:DeregisterTaskDefinition",
      "ecs:DescribeTaskDefinition",
      "ecs:ListTaskDefinitions",
    ]
    resources = ["*"]
  }

  # Tasks, services and definitions are tagged at creation; existing resources cannot be tagged.
  statement {
    sid       = "TagWhatIsMade"
    actions   = ["ecs:TagResource"]
    resources = [local.task, local.service, local.definition]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask", "CreateService", "RegisterTaskDefinition"]
    }
  }

  # Only these two roles may be passed to a task.
  statement {
    sid       = "HandOverRolesToTasks"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  # -- schedules

  # `schedule`, `scheduled`, `stop`.
  statement {
    sid = "KeepSchedules"
    actions = [
      "scheduler:CreateSchedule",
      "scheduler:UpdateSchedule",
      "scheduler:DeleteSchedule",
      "scheduler:GetSchedule",
    ]
    resources = ["arn:${local.partition}:scheduler:${var.region}:${local.account}:schedule/${aws_scheduler_schedule_group.harvests.name}/*"]
  }

  # AWS supports no resource for this listing.
  statement {
    sid       = "ListSchedules"
    actions   = ["scheduler:ListSchedules"]
    resources = ["*"]
  }

  # Only this role may be passed to a schedule.
  statement {
    sid       = "HandOverRoleToSchedules"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.scheduler.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }

  # `collection scheduled` lists rules of the first version. AWS supports no resource for the listing.
  statement {
    sid       = "FindRulesOf2019"
    actions   = ["events:ListRules"]
    resources = ["*"]
  }

  # `collection scheduled --migrate` replaces them with schedules. Their names begin with the bucket.
  statement {
    sid       = "ReplaceRulesOf2019"
    actions   = ["events:ListTargetsByRule", "events:RemoveTargets", "events:DeleteRule"]
    resources = ["arn:${local.partition}:events:${var.region}:${local.account}:rule/${var.bucket}_*"]
  }

  # -- logs and keys

  # `harvest log`, and the reason why a task ended at once.
  statement {
    sid       = "ReadLogs"
    actions   = ["logs:GetLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.harvests.arn}:*"]
  }

  # `collection-config keys`: store, rotate, remove; and the check before a start.
  statement {
    sid       = "KeepKeys"
    actions   = ["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"]
    resources = ["${local.parameters}/keys/*", "${local.parameters}/honeybadger"]
  }

  # `collection-config keys --list`.
  statement {
    sid       = "ListKeys"
    actions   = ["ssm:GetParametersByPath"]
    resources = ["${local.parameters}/keys", "${local.parameters}/keys/*"]
  }

  # -- workers of a crawl, if there may be any

  # `graph workers start` and `status`: how many users wait.
  dynamic "statement" {
    for_each = local.graph

    content {
      sid       = "SeeQueues"
      actions   = ["sqs:GetQueueAttributes"]
      resources = [aws_sqs_queue.graph[0].arn, aws_sqs_queue.graph_dead[0].arn]
    }
  }

  # -- `doctor`, read-only

  # Whether the subnets have free addresses, and whether a port is open. AWS supports no resource for these.
  statement {
    sid       = "LookAtNetwork"
    actions   = ["ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"]
    resources = ["*"]
  }

  # Whether the roles exist and trust the right principals.
  statement {
    sid       = "LookAtRoles"
    actions   = ["iam:GetRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn, aws_iam_role.scheduler.arn]
  }

  # The account's quota of tasks.
  statement {
    sid       = "LookAtQuota"
    actions   = ["servicequotas:GetServiceQuota"]
    resources = ["arn:${local.partition}:servicequotas:${var.region}:${local.account}:fargate/*"]
  }

  # -- only with a status port

  # The token of a run, to query it.
  dynamic "statement" {
    for_each = var.status_cidr == "" ? [] : [true]

    content {
      sid       = "ReadTokens"
      actions   = ["ssm:GetParameter"]
      resources = ["${local.parameters}/tokens/*"]
    }
  }

  # The address of a task. AWS supports no resource for this.
  dynamic "statement" {
    for_each = var.status_cidr == "" ? [] : [true]

    content {
      sid       = "FindTasks"
      actions   = ["ec2:DescribeNetworkInterfaces"]
      resources = ["*"]
    }
  }

  # -- only with a key of your own

  # As for the task; and to encrypt stored keys of X.
  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [true]

    content {
      sid       = "UseYourKey"
      actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.${local.dns}", "ssm.${var.region}.${local.dns}"]
      }
    }
  }
}

resource "aws_iam_policy" "operator" {
  path        = var.iam_path
  name        = "${var.name}-operator"
  description = "What twarc_cloud.py needs"
  policy      = data.aws_iam_policy_document.operator.json
}

resource "aws_iam_role" "operator" {
  count = length(var.operators) > 0 ? 1 : 0

  name                 = "${var.name}-operator"
  description          = "For the people who run twarc_cloud.py"
  assume_role_policy   = data.aws_iam_policy_document.trust_operators[0].json
  max_session_duration = 43200
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "operator" {
  count = length(var.operators) > 0 ? 1 : 0

  role       = aws_iam_role.operator[0].name
  policy_arn = aws_iam_policy.operator.arn
}
