# A harvest tells of its failures itself: exit code, harvest.json, Honeybadger. What it cannot tell is that it was killed,
# or never began. AWS writes an e-mail about that.

locals {
  alarms = var.alarm_email == "" ? 0 : 1
}

resource "aws_sns_topic" "alarms" {
  # checkov:skip=CKV_AWS_26: EventBridge cannot write to a topic with AWS's own key; an alarm holds names and codes, and leaves as e-mail anyway
  count = local.alarms

  name = "${var.name}-alarms"
}

# The address gets one message that must be confirmed; until then it gets no other.
resource "aws_sns_topic_subscription" "email" {
  count = local.alarms

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

data "aws_iam_policy_document" "alarms" {
  count = local.alarms

  # The alarm below, and none of another account.
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[0].arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  # The rules below. EventBridge brings no account or source along that a condition could ask for.
  statement {
    sid       = "Rules"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[0].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  count = local.alarms

  arn    = aws_sns_topic.alarms[0].arn
  policy = data.aws_iam_policy_document.alarms[0].json
}

# -- what AWS tells of tasks and streams -------------------------------------------------------------------------------

locals {
  events = {
    # A task died, or never began.
    dead-task = {
      description = "A harvest ended with a code that somebody should hear of, or without one"
      pattern = {
        source        = ["aws.ecs"]
        "detail-type" = ["ECS Task State Change"]
        detail = {
          clusterArn = [aws_ecs_cluster.harvests.arn]
          lastStatus = ["STOPPED"]
          "$or" = [
            # A bad image, a wrong role, no room: no container ran, and there is no exit code.
            { stopCode = ["TaskFailedToStart"] },
            # It failed, or was killed: by the system for want of memory, or because it did not end within two minutes of a stop.
            { containers = { exitCode = [{ "anything-but" = [for code in var.quiet_exit_codes : code] }] } },
          ]
        }
      }
      paths = {
        code   = "$.detail.containers[0].exitCode"
        family = "$.detail.group"
        reason = "$.detail.stoppedReason"
        stop   = "$.detail.stopCode"
        task   = "$.detail.taskArn"
        time   = "$.time"
      }
      mail = "a harvest of <family> ended at <time>: <stop>, exit code <code>. <reason> What was collected is stored, and the next harvest goes on from there. `twarc_cloud.py harvest log` and docs/exit-codes.md tell more. Task: <task>"
    }

    # A stream without room has no task of which AWS could tell: its service does.
    stuck-stream = {
      description = "AWS finds no machine for the task of a stream, or gave up starting it"
      pattern = {
        source        = ["aws.ecs"]
        "detail-type" = ["ECS Service Action", "ECS Deployment State Change"]
        resources     = [{ prefix = "${local.ecs}:service/${var.name}/" }]
        detail = {
          eventName = ["SERVICE_TASK_PLACEMENT_FAILURE", "SERVICE_TASK_START_IMPAIRED", "SERVICE_DEPLOYMENT_FAILED"]
        }
      }
      paths = {
        event   = "$.detail.eventName"
        reason  = "$.detail.reason"
        service = "$.resources[0]"
        time    = "$.time"
      }
      mail = "a stream is not collected since <time>: <event> <reason>. AWS goes on trying, unless the deployment failed. `twarc_cloud.py harvest list` tells more; `collection filter-start` starts it anew, on demand where the collection's task has fallback. Service: <service>"
    }

    # A scheduled harvest without room has neither task nor service: RunTask answers with `failures`, and nobody tries again.
    # AWS tells of that only where the account keeps a trail of its own (CloudTrail); without one, `doctor` has to be asked.
    no-room = {
      description = "AWS had no machine for a harvest that was to start, and it was dropped"
      pattern = {
        source        = ["aws.ecs"]
        "detail-type" = ["AWS API Call via CloudTrail"]
        detail = {
          eventSource       = ["ecs.amazonaws.com"]
          eventName         = ["RunTask"]
          requestParameters = { cluster = [var.name, aws_ecs_cluster.harvests.arn] }
          responseElements  = { failures = { reason = [{ exists = true }] } }
        }
      }
      paths = {
        definition = "$.detail.requestParameters.taskDefinition"
        reason     = "$.detail.responseElements.failures[0].reason"
        time       = "$.time"
      }
      mail = "a harvest was not started at <time>: <reason>. Nobody tries again before its schedule is due next; `twarc_cloud.py collection once` makes up for it. Task definition: <definition>"
    }
  }
  emailed = { for name, event in local.events : name => event if var.alarm_email != "" }
}

resource "aws_cloudwatch_event_rule" "emailed" {
  for_each = local.emailed

  name          = "${var.name}-${each.key}"
  description   = each.value.description
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "emailed" {
  for_each = local.emailed

  rule = aws_cloudwatch_event_rule.emailed[each.key].name
  arn  = aws_sns_topic.alarms[0].arn

  input_transformer {
    input_paths    = each.value.paths
    input_template = "\"Twarc-Cloud: ${each.value.mail}\""
  }
}

# -- a schedule could not start one ------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "dropped_schedule" {
  count = local.alarms

  alarm_name          = "${var.name}-dropped-schedule"
  alarm_description   = "A schedule of Twarc-Cloud gave up starting a harvest: look at its role, and at `twarc_cloud.py doctor`."
  namespace           = "AWS/Scheduler"
  metric_name         = "InvocationDroppedCount"
  dimensions          = { ScheduleGroup = aws_scheduler_schedule_group.harvests.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[0].arn]
}

# -- the bill ----------------------------------------------------------------------------------------------------------

# Of the whole account, for a budget by tag sees nothing until the tag is activated for the bill. X sends its own bill.
resource "aws_budgets_budget" "month" {
  count = var.budget_limit > 0 ? 1 : 0

  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget_limit)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = [var.alarm_email]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    notification_type          = "FORECASTED"
    subscriber_email_addresses = [var.alarm_email]
  }

  lifecycle {
    precondition {
      condition     = var.alarm_email != ""
      error_message = "budget_limit needs alarm_email: nobody would hear of it."
    }
  }
}
