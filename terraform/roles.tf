# Who may do what. Each statement says why it is there; tests/test_policies*.py take one after the other away, and each
# time something that people need does not work any more.

locals {
  # The names of task definitions and services; what AWS refuses in them is replaced (harvester/compute).
  family = "twarc-cloud_${replace(var.bucket, "/[^A-Za-z0-9_-]/", "-")}_*"

  ecs        = "arn:${local.partition}:ecs:${var.region}:${local.account}"
  definition = "${local.ecs}:task-definition/${local.family}"
  service    = "${local.ecs}:service/${var.name}/${local.family}"
  task       = "${local.ecs}:task/${var.name}/*"

  parameter_path = "/${var.name}"
  parameters     = "arn:${local.partition}:ssm:${var.region}:${local.account}:parameter${local.parameter_path}"

  objects = "${aws_s3_bucket.collections.arn}/collections/*"
}

# -- what a harvest may do ---------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust_tasks" {
  # ECS becomes this role for a task.
  statement {
    sid     = "TasksOfThisAccount"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    # Not a task that somebody else's account starts and points here.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.ecs}:*"]
    }
  }
}

data "aws_iam_policy_document" "task" {
  # Reads its collection and what a dead predecessor left; stores records; renews its lock; removes the lock and the parts
  # of a growing file at the end. It cannot remove a version, so that what it removes can be brought back.
  statement {
    sid       = "ReadAndStoreCollections"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = [local.objects]

    # Once the bucket is deleted, its name is anybody's: posts must not go to a stranger's.
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # Lists what is left of a harvest that died, asks for the bucket's clock, and hears of a missing object that it is
  # missing, and not that it is forbidden.
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

  # The keys of the X API, and that of Honeybadger: only at the start of a run, and never in its definition.
  statement {
    sid       = "ReadKeys"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameters}/keys/*", "${local.parameters}/honeybadger"]
  }

  # A stream that is through (max_records, a budget that is spent) ends its own service, which would be paid for until
  # somebody does. AWS knows no condition that would name only its own: it may delete those of this bucket's streams,
  # and neither change nor enlarge any.
  statement {
    sid       = "EndOwnStream"
    actions   = ["ecs:DeleteService"]
    resources = [local.service]
  }

  # The token of this run, which whoever asks for its status must have; taken back at the end, if it is still this run's.
  # Without a port there is none.
  dynamic "statement" {
    for_each = var.status_cidr == "" ? [] : [true]

    content {
      sid       = "KeepToken"
      actions   = ["ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"]
      resources = ["${local.parameters}/tokens/*"]
    }
  }

  # S3 and the parameter store use your key in the name of who asks them; nothing else may use it so. Only the token of a
  # run is encrypted by a task itself.
  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [true]

    content {
      sid       = "UseYourKey"
      actions   = concat(["kms:Decrypt", "kms:GenerateDataKey"], var.status_cidr == "" ? [] : ["kms:Encrypt"])
      resources = [var.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.${local.dns}", "ssm.${var.region}.${local.dns}"]
      }
    }
  }
}

resource "aws_iam_role" "task" {
  name                 = "${var.name}-task"
  description          = "What a harvest may do"
  assume_role_policy   = data.aws_iam_policy_document.trust_tasks.json
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy" "task" {
  name   = "harvest"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

# -- what Fargate does for it ------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust_fargate" {
  # Fargate itself becomes this role before there is a task; AWS names no source for that which could be asked for.
  statement {
    sid     = "FargateBeforeATask"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  # The log of a task; the group is there already, so it may make none.
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.harvests.arn}:*"]
  }

  # The image, from the one repository it is in. A public image needs neither of these two.
  dynamic "statement" {
    for_each = aws_ecr_repository.image

    content {
      sid       = "FetchImage"
      actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [statement.value.arn]
    }
  }

  # Signing in is to the registry as a whole: AWS knows no narrower resource for it.
  dynamic "statement" {
    for_each = aws_ecr_repository.image

    content {
      sid       = "SignInToRegistry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role" "execution" {
  name                 = "${var.name}-execution"
  description          = "What Fargate does for a harvest: fetch the image, write the log"
  assume_role_policy   = data.aws_iam_policy_document.trust_fargate.json
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# -- what a schedule may do --------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust_schedules" {
  # EventBridge Scheduler becomes this role when a schedule is due.
  statement {
    sid     = "SchedulesOfThisGroup"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    # Not a schedule that somebody else's account, or another group of this one, points here.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_scheduler_schedule_group.harvests.arn]
    }
  }
}

data "aws_iam_policy_document" "scheduler" {
  # Starts what is due: tasks of this bucket's collections, in this cluster only.
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

  # Such a task has tags, by which it is found and billed.
  statement {
    sid       = "TagHarvests"
    actions   = ["ecs:TagResource"]
    resources = [local.task]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }

  # Who starts a task hands it its two roles, and no others.
  statement {
    sid       = "HandOverRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name                 = "${var.name}-scheduler"
  description          = "Lets schedules start harvests"
  assume_role_policy   = data.aws_iam_policy_document.trust_schedules.json
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "start"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}
