# The cluster, the schedule group and the log group. None of them costs anything while nothing runs.

resource "aws_ecs_cluster" "harvests" {
  # checkov:skip=CKV_AWS_65: metrics of each task are charged for; container_insights enables them
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }

  lifecycle {
    precondition {
      condition     = contains(lookup(local.task_memories, tostring(var.task_cpu), []), var.task_memory)
      error_message = "Fargate does not support this combination of task_cpu and task_memory: see docs/kinds.md."
    }

    precondition {
      condition     = (var.vpc_id == "") == (length(var.subnet_ids) == 0)
      error_message = "vpc_id and subnet_ids must be set together."
    }
  }
}

locals {
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
  task_memories = {
    "256"   = [512, 1024, 2048]
    "512"   = range(1024, 4097, 1024)
    "1024"  = range(2048, 8193, 1024)
    "2048"  = range(4096, 16385, 1024)
    "4096"  = range(8192, 30721, 1024)
    "8192"  = range(16384, 61441, 4096)
    "16384" = range(32768, 122881, 8192)
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
  # checkov:skip=CKV_AWS_158: encrypted with CloudWatch's own keys; a log contains no secret and no post
  # checkov:skip=CKV_AWS_338: logs are for troubleshooting; the record of each harvest is in the bucket
  name              = "/${var.name}/harvests"
  retention_in_days = var.log_days
}
