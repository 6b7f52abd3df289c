# Tests of the variables, without an account: `terraform test`, with Terraform 1.7 or newer.

mock_provider "aws" {
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  override_data {
    target = data.aws_availability_zones.available
    values = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  bucket = "tweets-of-a-museum"
}

run "as_it_comes" {
  command = plan

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.status) == 0
    error_message = "Nothing is open."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443 && length(aws_vpc_security_group_egress_rule.sinks) == 0
    error_message = "Tasks reach out by HTTPS only."
  }

  assert {
    condition     = !aws_subnet.public[0].map_public_ip_on_launch && aws_subnet.public[0].availability_zone != aws_subnet.public[1].availability_zone
    error_message = "Two subnets, in two zones, where only tasks have public addresses."
  }

  assert {
    condition     = aws_vpc.tasks[0].enable_dns_hostnames && aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway"
    error_message = "The way to S3 stays inside AWS."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.collections.block_public_acls,
      aws_s3_bucket_public_access_block.collections.block_public_policy,
      aws_s3_bucket_public_access_block.collections.ignore_public_acls,
      aws_s3_bucket_public_access_block.collections.restrict_public_buckets,
    ])
    error_message = "The bucket is nobody else's."
  }

  assert {
    condition     = aws_s3_bucket_versioning.collections.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket keeps versions."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.collections.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "The bucket is encrypted."
  }

  assert {
    condition = toset([
      for rule in aws_s3_bucket_lifecycle_configuration.collections.rule : rule.filter[0].prefix
      if length(rule.noncurrent_version_expiration) > 0
    ]) == toset(["collections/", "tables/", "reports/"])
    error_message = "No earlier version is kept for ever."
  }

  assert {
    condition     = !aws_s3_bucket.collections.force_destroy
    error_message = "What was collected is not deleted by mistake."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.collections.rule :
      length(rule.transition) == 0 && (rule.id == "removed" || length(rule.expiration) == 0)
    ])
    error_message = "No record expires or moves."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.collections.rule :
      rule.noncurrent_version_expiration[0].newer_noncurrent_versions == 10
      if length(rule.noncurrent_version_expiration) > 0
    ])
    error_message = "Of what is rewritten all the time, some versions are kept, and not all."
  }

  assert {
    condition     = toset(aws_ecs_cluster_capacity_providers.harvests.capacity_providers) == toset(["FARGATE", "FARGATE_SPOT"])
    error_message = "Tasks run on Fargate, and where somebody asks for it on Spot."
  }

  assert {
    condition     = length(aws_ecr_repository.image) == 1 && length(aws_iam_role.operator) == 0
    error_message = "A repository for the own image; no operator role without operators."
  }

  assert {
    condition     = length(aws_sns_topic.alarms) + length(aws_budgets_budget.month) == 0
    error_message = "Nobody is written to whose address is not known."
  }

  assert {
    condition = (
      length(aws_glue_catalog_database.tables) + length(aws_glue_catalog_table.tables) +
      length(aws_athena_workgroup.tables) + length(aws_athena_named_query.questions) == 0
    )
    error_message = "Nothing of Athena is there unless it is asked for."
  }

  assert {
    condition = (
      length(aws_sqs_queue.graph) + length(aws_sqs_queue.graph_dead) +
      length(aws_cloudwatch_metric_alarm.graph_waits) + length(aws_cloudwatch_metric_alarm.graph_dead) == 0
    )
    error_message = "No queue is there unless it is asked for."
  }
}

run "what_is_asked_for_is_made" {
  command = plan

  variables {
    athena               = true
    athena_gigabytes     = 5
    operators            = ["arn:aws:iam::123456789012:user/archivist"]
    status_cidr          = "192.0.2.7/32"
    archive_after_days   = 90
    archive_class        = "DEEP_ARCHIVE"
    archive_collections  = ["museums", "libraries"]
    alarm_email          = "archivist@example.org"
    sink_alarm           = true
    sink_ports           = [443, 9092, 9093]
    graph_workers        = true
    budget_limit         = 20
    kms_key_arn          = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
    iam_path             = "/archives/"
  }

  assert {
    condition = alltrue([
      for table in aws_glue_catalog_table.tables :
      table.parameters["projection.collection.type"] == "injected" && endswith(table.parameters["storage.location.template"], "/collection=$${collection}/harvested=$${harvested}/")
    ])
    error_message = "Each table is asked with its collection."
  }

  assert {
    condition     = aws_athena_workgroup.tables[0].configuration[0].bytes_scanned_cutoff_per_query == 5000000000 && aws_athena_workgroup.tables[0].configuration[0].enforce_workgroup_configuration
    error_message = "A query that reads more is ended."
  }

  assert {
    condition     = length(aws_athena_named_query.questions) == 5 && aws_glue_catalog_database.tables[0].name == "twarc_cloud"
    error_message = "The usual questions are there."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.collections.rule :
      one(rule.expiration).days == 7 && rule.filter[0].prefix == "answers/" if rule.id == "answers"
    ])
    error_message = "Answers go after a week."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.status[0].cidr_ipv4 == "192.0.2.7/32" && aws_vpc_security_group_ingress_rule.status[0].from_port == 8080 && aws_vpc_security_group_ingress_rule.status[0].to_port == 8080
    error_message = "One port, for one range."
  }

  assert {
    condition     = [for port, rule in aws_vpc_security_group_egress_rule.sinks : rule.from_port if rule.to_port == tonumber(port)] == [9092, 9093]
    error_message = "Tasks reach the ports of sinks."
  }

  assert {
    condition = toset([
      for rule in aws_s3_bucket_lifecycle_configuration.collections.rule : rule.filter[0].and[0].prefix
      if length(rule.transition) > 0
      ]) == toset([
      "collections/libraries/harvests/", "collections/libraries/repairs/harvests/",
      "collections/museums/harvests/", "collections/museums/repairs/harvests/",
    ])
    error_message = "Harvests and repairs move, and collection.json does not."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.collections.rule :
      one(rule.transition).days == 90 && one(rule.transition).storage_class == "DEEP_ARCHIVE"
      if length(rule.transition) > 0
    ])
    error_message = "They move when and where they shall."
  }

  assert {
    condition     = length(aws_iam_role.operator) == 1
    error_message = "The role is there."
  }

  assert {
    condition     = aws_sqs_queue.graph[0].visibility_timeout_seconds == 120 && aws_sqs_queue.graph[0].message_retention_seconds == 1209600
    error_message = "A worker has two minutes, and a user two weeks."
  }

  assert {
    condition     = aws_sqs_queue.graph[0].sqs_managed_sse_enabled && aws_sqs_queue.graph_dead[0].sqs_managed_sse_enabled
    error_message = "Queues are encrypted."
  }

  assert {
    condition     = aws_sqs_queue.graph_dead[0].name == "${aws_sqs_queue.graph[0].name}-dead"
    error_message = "The queue of dead letters is found by its name."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.graph_waits[0].dimensions.QueueName == "twarc-cloud-graph" &&
      aws_cloudwatch_metric_alarm.graph_dead[0].dimensions.QueueName == "twarc-cloud-graph-dead"
    )
    error_message = "What waits too long, and what is given up, is heard of."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.sink_behind[0].metric_name == aws_cloudwatch_log_metric_filter.sink_behind[0].metric_transformation[0].name
    error_message = "The alarm is of another metric than the filter makes."
  }

  assert {
    condition     = aws_cloudwatch_log_metric_filter.sink_behind[0].pattern == "?\"sink is behind\" ?\"hangs; it is killed\""
    error_message = "The filter looks for other words than sinks log."
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "archivist@example.org" && aws_budgets_budget.month[0].limit_amount == "20"
    error_message = "Alarms and the budget go to the address."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.dropped_schedule[0].dimensions.ScheduleGroup == "twarc-cloud"
    error_message = "Schedules that start nothing are heard of."
  }

  assert {
    condition = alltrue([
      for name in ["SERVICE_TASK_PLACEMENT_FAILURE", "SERVICE_TASK_START_IMPAIRED", "SERVICE_DEPLOYMENT_FAILED"] :
      contains(jsondecode(aws_cloudwatch_event_rule.emailed["stuck-stream"].event_pattern).detail.eventName, name)
    ])
    error_message = "Streams for which AWS has no room are heard of."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.collections.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    error_message = "The bucket is encrypted with it."
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.task, aws_iam_role.execution, aws_iam_role.scheduler, aws_iam_role.operator[0]] :
      role.path == "/archives/" && role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    ])
    error_message = "Each role has them."
  }
}

run "a_network_and_an_image_that_are_there_are_used" {
  command = plan

  variables {
    vpc_id      = "vpc-0123456789abcdef0"
    subnet_ids  = ["subnet-0123456789abcdef0"]
    public_ip   = false
    image       = "registry.example/twarc-cloud:2.0.0"
    alarm_email = "archivist@example.org"
  }

  assert {
    condition     = length(aws_vpc.tasks) + length(aws_subnet.public) + length(aws_internet_gateway.out) == 0
    error_message = "Nothing of a network is made."
  }

  assert {
    condition     = aws_security_group.tasks.vpc_id == "vpc-0123456789abcdef0"
    error_message = "Tasks are in the network that is there."
  }

  assert {
    condition     = length(aws_ecr_repository.image) == 0 && output.image == "registry.example/twarc-cloud:2.0.0"
    error_message = "The image is the one that was named."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.sink_behind) + length(aws_cloudwatch_log_metric_filter.sink_behind) == 0
    error_message = "An alarm that was not asked for."
  }
}

run "what_nobody_may_mean_is_refused_before" {
  command = plan

  variables {
    bucket      = "Tweets"
    name        = "aws-things"
    status_cidr = "0.0.0.0/0"
    operators   = ["archivist"]
  }

  expect_failures = [var.bucket, var.name, var.status_cidr, var.operators]
}

run "values_that_aws_refuses_later_are_refused_before" {
  command = plan

  variables {
    bucket      = "tweets..of-a-museum"
    vpc_cidr    = "10.0.0.0/24"
    status_cidr = "2001:db8::/64"
    log_days    = 31
    task_disk   = 10
    iam_path    = "archives"
    name        = "museum--tweets"
    image_tag   = "twarc-cloud:2.0.0"
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:alias/museum"
    alarm_email = "museum"
    sink_ports  = [90920]
  }

  expect_failures = [
    var.bucket, var.vpc_cidr, var.status_cidr, var.log_days, var.task_disk, var.iam_path,
    var.name, var.image_tag, var.kms_key_arn, var.alarm_email, var.sink_ports
  ]
}

run "what_does_not_fit_together_is_refused_before" {
  command = plan

  variables {
    archive_after_days = 90
    archive_class      = "DEEP_ARCHIVE"
    budget_limit       = 20
    task_cpu           = 256
    task_memory        = 4096
  }

  expect_failures = [aws_s3_bucket_lifecycle_configuration.collections, aws_budgets_budget.month, aws_ecs_cluster.harvests]
}

run "a_network_needs_its_subnets" {
  command = plan

  variables {
    vpc_id = "vpc-0123456789abcdef0"
  }

  expect_failures = [aws_ecs_cluster.harvests]
}
