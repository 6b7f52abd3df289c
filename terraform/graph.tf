# The queue by which several workers share a crawl (docs/graph-workers.md). It holds who may be next, and nothing that is not
# in the bucket: what is lost in it is sent again. Not there unless graph_workers is set; a crawl needs no queue.

locals {
  graph = var.graph_workers ? [true] : []
}

resource "aws_sqs_queue" "graph_dead" {
  count = var.graph_workers ? 1 : 0

  name                      = "${var.name}-graph-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "graph" {
  count = var.graph_workers ? 1 : 0

  name                       = "${var.name}-graph"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 120
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  # A worker that dies has received its messages once: eight deaths at one user are that user's.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.graph_dead[0].arn
    maxReceiveCount     = 8
  })
}

# -- alarms ------------------------------------------------------------------------------------------------------------

# A queue has some thousand users at most, which workers take within hours: they have ended, or died.
resource "aws_cloudwatch_metric_alarm" "graph_waits" {
  count = var.graph_workers ? local.alarms : 0

  alarm_name          = "${var.name}-graph-waits"
  alarm_description   = "Users of a crawl have waited for two days: start its workers again (`twarc_cloud.py graph workers start`), or purge the queue if the crawl is given up."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.graph[0].name }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 172800
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[0].arn]
}

resource "aws_cloudwatch_metric_alarm" "graph_dead" {
  count = var.graph_workers ? local.alarms : 0

  alarm_name          = "${var.name}-graph-dead"
  alarm_description   = "Workers of a crawl ended eight times at the same user: `twarc_cloud.py graph workers status` names it."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.graph_dead[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[0].arn]
}
