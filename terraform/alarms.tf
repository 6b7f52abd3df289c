# A harvest reports its failures itself: exit code, harvest.json, Honeybadger. It cannot report that it was killed or never
# started; AWS sends an e-mail about that.

locals {
  alarms = var.alarm_email == "" ? 0 : 1
}

resource "aws_sns_topic" "alarms" {
  # checkov:skip=CKV_AWS_26: EventBridge cannot write to a topic with AWS's own key; an alarm contains names and codes, and is sent as e-mail anyway
  count = local.alarms

  name = "${var.name}-alarms"
}

# The address receives one message to confirm, and no other before that.
resource "aws_sns_topic_subscription" "email" {
  count = local.alarms

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

data "aws_iam_policy_document" "alarms" {
  count = local.alarms

  # The alarm below, not those of other accounts.
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

  # The rules below. EventBridge sends no account or source that a condition could check.
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

# -- events of tasks and streams ---------------------------------------------------------------------------------------

locals {
  events = {
    # A task failed, or never started.
    dead-task = {
      description = "A harvest ended with an unexpected exit code, or without one"
      pattern = {
        source        = ["aws.ecs"]
        "detail-type" = ["ECS Task State Change"]
        detail = {
          clusterArn = [aws_ecs_cluster.harvests.arn]
          lastStatus = ["STOPPED"]
          "$or" = [
            # A bad image, a wrong role, no capacity: no container ran, and there is no exit code.
            { stopCode = ["TaskFailedToStart"] },
            # It failed, or was killed: out of memory, or still running two minutes after a stop.
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
      mail = "a harvest of <family> ended at <time>: <stop>, exit code <code>. <reason> What was collected is stored, and the next harvest continues from there. `twarc_cloud.py harvest log` shows the reason, docs/exit-codes.md what to do. Task: <task>"
    }

    # A stream without capacity has no task; the event is of its service.
    stuck-stream = {
      description = "AWS has no capacity for a stream's task, or gave up starting it"
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
      mail = "a stream has not been collected since <time>: <event> <reason>. AWS keeps trying, unless the deployment failed. `twarc_cloud.py harvest list` shows its state; `collection filter-start` starts it again, on demand if the collection's task has `fallback`. Service: <service>"
    }

    # A scheduled harvest without capacity has neither task nor service: RunTask returns `failures`, without a retry.
    # There is an event only if the account has a CloudTrail trail; otherwise `doctor` reports the missed schedule.
    no-room = {
      description = "AWS had no capacity for a scheduled harvest, and dropped it"
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
      mail = "a scheduled harvest was not started at <time>: <reason>. AWS does not retry it before the schedule is due again; run `twarc_cloud.py collection once` to make up for it. Task definition: <definition>"
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
  alarm_description   = "A schedule of Twarc-Cloud gave up starting a harvest: check its role, and run `twarc_cloud.py doctor`."
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

# -- a sink is behind --------------------------------------------------------------------------------------------------

# The process of a sink writes these words to the log of its harvest's task, once each time that it falls behind.
resource "aws_cloudwatch_log_metric_filter" "sink_behind" {
  count = var.sink_alarm ? local.alarms : 0

  name           = "${var.name}-sink-behind"
  log_group_name = aws_cloudwatch_log_group.harvests.name
  pattern        = "?\"sink is behind\" ?\"hangs; it is killed\""

  metric_transformation {
    namespace = var.name
    name      = "SinksBehind"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "sink_behind" {
  count = var.sink_alarm ? local.alarms : 0

  alarm_name          = "${var.name}-sink-behind"
  alarm_description   = "A sink of Twarc-Cloud is behind by more than ten minutes, or hangs: `twarc_cloud.py sink list` shows why. What is stored is delivered later."
  namespace           = var.name
  metric_name         = "SinksBehind"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[0].arn]
}

# -- the budget --------------------------------------------------------------------------------------------------------

# For the whole account, because a budget by tag needs the tag to be activated for billing. X bills separately.
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
      error_message = "budget_limit requires alarm_email."
    }
  }
}
