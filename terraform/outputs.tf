# `terraform output -raw twarc_cloud_ini > twarc_cloud.ini` writes everything that twarc_cloud.py needs. It contains no secret.

output "twarc_cloud_ini" {
  description = "A complete twarc_cloud.ini."
  value       = <<-INI
    ; Made by `terraform output -raw twarc_cloud_ini`; docs/settings.md explains each line. None is secret.
    [DEFAULT]
    bucket = ${aws_s3_bucket.collections.id}
    region = ${var.region}
    cluster = ${aws_ecs_cluster.harvests.name}
    image = ${local.image}
    subnets = ${join(",", local.subnet_ids)}
    public_ip = ${var.public_ip ? "yes" : "no"}
    security_groups = ${aws_security_group.tasks.id}
    task_role_arn = ${aws_iam_role.task.arn}
    task_execution_role_arn = ${aws_iam_role.execution.arn}
    scheduler_role_arn = ${aws_iam_role.scheduler.arn}
    schedule_group = ${aws_scheduler_schedule_group.harvests.name}
    log_group = ${aws_cloudwatch_log_group.harvests.name}
    parameter_path = ${local.parameter_path}
    kms_key_arn = ${var.kms_key_arn}
    graph_queue = ${var.graph_workers ? aws_sqs_queue.graph[0].id : ""}
    task_cpu = ${var.task_cpu}
    task_memory = ${var.task_memory}
    task_architecture = ${var.task_architecture}
    task_spot = ${var.task_spot ? "yes" : "no"}
    task_disk = ${var.task_disk}
    task_fallback = ${var.task_fallback ? "yes" : "no"}
    status_port = ${var.status_cidr == "" ? 0 : var.status_port}
  INI
}

output "image" {
  description = "The tasks' image; push yours under this name, unless it is a public one."
  value       = local.image
}

output "operator_role_arn" {
  description = "The role for `role_arn` in ~/.aws/config; empty without operators."
  value       = one(aws_iam_role.operator[*].arn) == null ? "" : one(aws_iam_role.operator[*].arn)
}

output "operator_policy_arn" {
  description = "The same as a policy, to attach to users or to a permission set."
  value       = aws_iam_policy.operator.arn
}
