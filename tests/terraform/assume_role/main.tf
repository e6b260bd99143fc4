# The peer account is reached through a role, which must be there: tests/clients/test_terraform.py makes it.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "access_key" {
  type = string
}
variable "secret_key" {
  type      = string
  sensitive = true
}
variable "role_arn" {
  type = string
}
variable "external_id" {
  type = string
}
variable "team" {
  type    = string
  default = "net"
}

provider "aws" {
  region     = "us-east-1"
  access_key = var.access_key
  secret_key = var.secret_key
}
provider "aws" {
  alias      = "peer"
  region     = "us-east-1"
  access_key = var.access_key
  secret_key = var.secret_key

  assume_role {
    role_arn     = var.role_arn
    external_id  = var.external_id
    session_name = "terraform"
  }
}

data "aws_caller_identity" "peer" {
  provider = aws.peer
}

resource "aws_vpc" "left" {
  cidr_block = "10.1.0.0/16"
}

resource "aws_vpc" "right" {
  provider   = aws.peer
  cidr_block = "10.2.0.0/16"
  tags       = { peered = "yes" }
}

resource "aws_vpc_peering_connection" "p" {
  vpc_id        = aws_vpc.left.id
  peer_vpc_id   = aws_vpc.right.id
  peer_owner_id = data.aws_caller_identity.peer.account_id
  tags          = { team = var.team }
}

resource "aws_vpc_peering_connection_accepter" "p" {
  provider                  = aws.peer
  vpc_peering_connection_id = aws_vpc_peering_connection.p.id
  auto_accept               = true
}

output "ok" {
  value = true

  precondition {
    condition     = endswith(data.aws_caller_identity.peer.arn, ":assumed-role/peering-accepter/terraform")
    error_message = "The peer's provider should act in the role."
  }

  precondition {
    condition     = aws_vpc_peering_connection_accepter.p.accept_status == "active"
    error_message = "Not active after the role accepted."
  }
}
