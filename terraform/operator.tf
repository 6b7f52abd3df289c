# What a person who runs twarc_cloud.py may do: no more than its commands need, and nothing to the account itself.

data "aws_iam_policy_document" "trust_operators" {
  count = length(var.operators) > 0 ? 1 : 0

  # Whoever is named; an account, `arn:aws:iam::ACCOUNT:root`, leaves it to that account's administrator.
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
  # checkov:skip=CKV_AWS_356: "*" stands only where AWS knows no narrower resource, which each comment says
  # checkov:skip=CKV_AWS_111: writes to "*" are task definitions only, for the same reason

  # -- the bucket

  # Collections are added, changed, downloaded, verified and deleted. Versions are not: what was removed can be brought
  # back by the account's administrator, and by nobody else.
  statement {
    sid       = "ReadAndStoreCollections"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = [local.objects]

    # Once the bucket is deleted, its name is anybody's: nothing is stored with a stranger, or read from one.
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # All that lists, and whether there is such a bucket.
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

  # -- tasks

  # `schedule` names the cluster in full.
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

  # `harvest stop`, of a task that does not hear the store yet; and what state a task is in.
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

  # `harvest list` sees all of the cluster, and shows what is of this bucket.
  statement {
    sid       = "SeeStreams"
    actions   = ["ecs:DescribeServices"]
    resources = ["${local.ecs}:service/${var.name}/*"]
  }

  # AWS knows no resource for listings, but the cluster can be asked for.
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

  # A definition is made of the settings whenever they change. AWS knows no resource for these; what a definition can
  # do is bounded by the roles that may be handed over, below.
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

  # Tasks, services and definitions are tagged as they are made; what is there already cannot be tagged anew.
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

  # A task gets these two roles, and no others.
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

  # AWS knows no resource for this listing.
  statement {
    sid       = "ListSchedules"
    actions   = ["scheduler:ListSchedules"]
    resources = ["*"]
  }

  # A schedule gets this role, and no other.
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

  # `collection scheduled` tells of rules of the first version. AWS knows no resource for the listing.
  statement {
    sid       = "FindRulesOf2019"
    actions   = ["events:ListRules"]
    resources = ["*"]
  }

  # `collection scheduled --migrate` puts schedules in their place. They are named for the bucket.
  statement {
    sid       = "ReplaceRulesOf2019"
    actions   = ["events:ListTargetsByRule", "events:RemoveTargets", "events:DeleteRule"]
    resources = ["arn:${local.partition}:events:${var.region}:${local.account}:rule/${var.bucket}_*"]
  }

  # -- logs and keys

  # `harvest log`, and why a task that was started ended at once.
  statement {
    sid       = "ReadLogs"
    actions   = ["logs:GetLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.harvests.arn}:*"]
  }

  # `collection-config keys`: store, rotate, remove; and before a start, whether there are any.
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

  # -- `doctor`, which only looks

  # Whether the subnets have addresses left, and whether somebody opened a port. AWS knows no resource for these.
  statement {
    sid       = "LookAtNetwork"
    actions   = ["ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"]
    resources = ["*"]
  }

  # Whether the roles are there, and trust whom they should.
  statement {
    sid       = "LookAtRoles"
    actions   = ["iam:GetRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn, aws_iam_role.scheduler.arn]
  }

  # How many tasks the account may run at once.
  statement {
    sid       = "LookAtQuota"
    actions   = ["servicequotas:GetServiceQuota"]
    resources = ["arn:${local.partition}:servicequotas:${var.region}:${local.account}:fargate/*"]
  }

  # -- only with a status port

  # The token of a run, to ask it.
  dynamic "statement" {
    for_each = var.status_cidr == "" ? [] : [true]

    content {
      sid       = "ReadTokens"
      actions   = ["ssm:GetParameter"]
      resources = ["${local.parameters}/tokens/*"]
    }
  }

  # The address of a task. AWS knows no resource for this.
  dynamic "statement" {
    for_each = var.status_cidr == "" ? [] : [true]

    content {
      sid       = "FindTasks"
      actions   = ["ec2:DescribeNetworkInterfaces"]
      resources = ["*"]
    }
  }

  # -- only with a key of your own

  # As the task does; and to encrypt the keys of X that are stored.
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
