# Tasks connect to X and to AWS, and accept no connections. Public subnets need no NAT gateway, which would cost more than
# everything else; a public address without an inbound rule is unreachable.

locals {
  own_network = length(var.subnet_ids) > 0
  vpc_id      = local.own_network ? var.vpc_id : aws_vpc.tasks[0].id
  subnet_ids  = local.own_network ? var.subnet_ids : aws_subnet.public[*].id

  # Regions where not every zone has Fargate: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
  zones_with_fargate = {
    ap-northeast-1 = ["apne1-az1", "apne1-az2", "apne1-az4"]
    us-west-1      = ["usw1-az1", "usw1-az3"]
  }
  zone_ids = length(var.zone_ids) > 0 ? var.zone_ids : lookup(local.zones_with_fargate, var.region, [])
}

data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394: subnets ignore zones that AWS adds later
  state = "available"

  # Opt-in zones are Local Zones, which have no Fargate.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  dynamic "filter" {
    for_each = length(local.zone_ids) > 0 ? [true] : []

    content {
      name   = "zone-id"
      values = local.zone_ids
    }
  }
}

resource "aws_vpc" "tasks" {
  # checkov:skip=CKV2_AWS_11: flow logs would cost more than the tasks, and there is no inbound traffic
  count = local.own_network ? 0 : 1

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# AWS's default security group allows traffic between its members; without rules it allows none.
resource "aws_default_security_group" "nobody" {
  count = local.own_network ? 0 : 1

  vpc_id = aws_vpc.tasks[0].id

  tags = { Name = "${var.name}-nobody" }
}

resource "aws_subnet" "public" {
  count = local.own_network ? 0 : 2

  vpc_id            = aws_vpc.tasks[0].id
  cidr_block        = cidrsubnet(var.vpc_cidr, 8, count.index)
  availability_zone = data.aws_availability_zones.available.names[count.index]

  # Tasks request a public address themselves; nothing else started here gets one.
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-${count.index}" }

  # The list of zones may change; the subnets stay where they are.
  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_internet_gateway" "out" {
  count = local.own_network ? 0 : 1

  vpc_id = aws_vpc.tasks[0].id

  tags = { Name = var.name }
}

resource "aws_route_table" "public" {
  count = local.own_network ? 0 : 1

  vpc_id = aws_vpc.tasks[0].id

  tags = { Name = var.name }
}

resource "aws_route" "out" {
  count = local.own_network ? 0 : 1

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.out[0].id
}

resource "aws_route_table_association" "public" {
  count = local.own_network ? 0 : 2

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

# Traffic to the bucket stays inside AWS. The endpoint is free.
resource "aws_vpc_endpoint" "s3" {
  count = local.own_network ? 0 : 1

  vpc_id            = aws_vpc.tasks[0].id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.public[0].id]

  tags = { Name = "${var.name}-s3" }
}

resource "aws_security_group" "tasks" {
  # checkov:skip=CKV2_AWS_5: tasks are started with it by commands and schedules, not by Terraform
  name        = "${var.name}-tasks"
  description = "Tasks of Twarc-Cloud: HTTPS outwards, nothing inwards"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-tasks" }

  # A running task would block the deletion of the old one.
  lifecycle {
    create_before_destroy = true
  }
}

# X, the image's registry, the log, the parameters and S3 use HTTPS. AWS's DNS server is not subject to security groups.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.tasks.id
  description       = "X and AWS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Kafka, and webhooks on other ports. AWS refuses a second rule for 443.
resource "aws_vpc_security_group_egress_rule" "sinks" {
  for_each = toset([for port in var.sink_ports : tostring(port) if port != 443])

  security_group_id = aws_security_group.tasks.id
  description       = "Sinks"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
}

resource "aws_vpc_security_group_ingress_rule" "status" {
  count = var.status_cidr == "" ? 0 : 1

  security_group_id = aws_security_group.tasks.id
  description       = "Status and stop, with the token of the run"
  cidr_ipv4         = var.status_cidr
  ip_protocol       = "tcp"
  from_port         = var.status_port
  to_port           = var.status_port
}
