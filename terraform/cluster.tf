# Where harvests run, when they are due, and what they say. None of it costs anything while nothing runs.

resource "aws_ecs_cluster" "harvests" {
  # checkov:skip=CKV_AWS_65: each task's figures are charged for; container_insights turns them on
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "harvests" {
  cluster_name       = aws_ecs_cluster.harvests.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

# Deleting the group deletes the schedules in it.
resource "aws_scheduler_schedule_group" "harvests" {
  name = var.name
}

resource "aws_cloudwatch_log_group" "harvests" {
  # checkov:skip=CKV_AWS_158: encrypted with CloudWatch's own keys; a log holds no secret and no post
  # checkov:skip=CKV_AWS_338: a log helps when something went wrong; what happened is in the bucket, for good
  name              = "/${var.name}/harvests"
  retention_in_days = var.log_days
}
