// Stories that an unmodified JavaScript SDK v3 tells: `node stories.mjs NAME JSON` prints what came back as one line of JSON.
import * as ec2 from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const UNKNOWN = "pcx-0123456789abcdef0";
const QUICKLY = { maxWaitTime: 30, minDelay: 1, maxDelay: 2 };

const [name, text] = process.argv.slice(2);
const given = JSON.parse(text);

const settings = ({ account, region }) => ({
  region,
  endpoint: given.endpoint,
  credentials: { accessKeyId: account, secretAccessKey: "test" },
  maxAttempts: 1,
});
const client = (place) => new ec2.EC2Client(settings(place));
const send = (to, Command, input) => to.send(new Command(input));
const vpc = async (to, CidrBlock) => (await send(to, ec2.CreateVpcCommand, { CidrBlock })).Vpc.VpcId;

// What a value is, so that false, undefined, a Date and an empty list can be told from what JSON makes of them.
const kind = (value) =>
  value instanceof Date ? "Date" : Array.isArray(value) ? `Array of ${value.length}` : value === undefined ? "undefined" : typeof value;

async function refusal(to, Command, input) {
  try {
    await send(to, Command, input);
  } catch (error) {
    return { name: error.name, message: error.message, status: error.$metadata.httpStatusCode, requestId: error.$metadata.requestId };
  }
  return {};
}

async function peers(ends) {
  const [asking, accepting] = [client(ends.requester), client(ends.accepter)];
  const [own, peer] = [await vpc(asking, "10.1.0.0/16"), await vpc(accepting, "10.2.0.0/16")];
  const input = { VpcId: own, PeerVpcId: peer, ...ends.peer };
  const created = (await send(asking, ec2.CreateVpcPeeringConnectionCommand, input)).VpcPeeringConnection;
  return { asking, accepting, own, peer, created, pcx: created.VpcPeeringConnectionId };
}

async function seen(to, pcx) {
  const answer = await send(to, ec2.DescribeVpcPeeringConnectionsCommand, { VpcPeeringConnectionIds: [pcx] });
  return answer.VpcPeeringConnections[0];
}

const stories = {
  async life(ends) {
    const { asking, accepting, own, created, pcx } = await peers(ends);
    const ids = { VpcPeeringConnectionIds: [pcx] };
    await ec2.waitUntilVpcAvailable({ client: asking, ...QUICKLY }, { VpcIds: [own] });
    await ec2.waitUntilVpcPeeringConnectionExists({ client: accepting, ...QUICKLY }, ids);
    const pending = await seen(accepting, pcx);
    const accepted = await send(accepting, ec2.AcceptVpcPeeringConnectionCommand, { VpcPeeringConnectionId: pcx });
    const active = [await seen(asking, pcx), await seen(accepting, pcx)];
    const deleted = await send(asking, ec2.DeleteVpcPeeringConnectionCommand, { VpcPeeringConnectionId: pcx });
    const waited = [];
    for (const to of [asking, accepting]) {
      waited.push((await ec2.waitUntilVpcPeeringConnectionDeleted({ client: to, ...QUICKLY }, ids)).state);
    }
    return {
      states: [created, pending, accepted.VpcPeeringConnection, ...active, await seen(accepting, pcx)].map((each) => each.Status.Code),
      deleted: deleted.Return,
      waited,
    };
  },

  async values(ends) {
    const { asking, accepting, pcx, created } = await peers(ends);
    await send(accepting, ec2.AcceptVpcPeeringConnectionCommand, { VpcPeeringConnectionId: pcx });
    const active = await seen(asking, pcx);
    const none = await send(asking, ec2.DescribeVpcPeeringConnectionsCommand, { Filters: [{ Name: "status-code", Values: ["failed"] }] });
    const [shown] = (await send(asking, ec2.DescribeVpcsCommand, {})).Vpcs;
    return {
      "expiration time of a request": kind(created.ExpirationTime),
      "expires in days": Math.round((created.ExpirationTime - Date.now()) / 86_400_000),
      "expiration time of an active one": kind(active.ExpirationTime),
      "own option": active.RequesterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc,
      "options of the other account": kind(active.AccepterVpcInfo.PeeringOptions),
      "IPv6 blocks of a VPC without": kind(active.RequesterVpcInfo.Ipv6CidrBlockSet),
      "tags of what has none": kind(active.Tags),
      "nothing found": kind(none.VpcPeeringConnections),
      "next page of the last": kind(none.NextToken),
      "default VPC": shown.IsDefault,
      "IPv6 associations of a VPC without": kind(shown.Ipv6CidrBlockAssociationSet),
    };
  },

  async pages({ requester }) {
    const to = client(requester);
    const made = [];
    for (let number = 0; number < 12; number += 1) made.push(await vpc(to, `10.${number}.0.0/16`));
    const sizes = [];
    const found = [];
    for await (const page of ec2.paginateDescribeVpcs({ client: to, pageSize: 5 }, {})) {
      sizes.push(page.Vpcs.length);
      found.push(...page.Vpcs.map((each) => each.VpcId));
    }
    for (const peer of made.slice(1)) await send(to, ec2.CreateVpcPeeringConnectionCommand, { VpcId: made[0], PeerVpcId: peer });
    const peerings = [];
    for await (const page of ec2.paginateDescribeVpcPeeringConnections({ client: to, pageSize: 5 }, {})) {
      peerings.push(page.VpcPeeringConnections.length);
    }
    return { sizes, "each once": found.sort().join() === made.sort().join(), peerings };
  },

  async refusals({ requester }) {
    const to = client(requester);
    const id = { VpcPeeringConnectionId: UNKNOWN };
    const all = {
      "an unknown connection": await refusal(to, ec2.AcceptVpcPeeringConnectionCommand, id),
      "no connection's id": await refusal(to, ec2.RejectVpcPeeringConnectionCommand, { VpcPeeringConnectionId: "pcx" }),
      "a dry run": await refusal(to, ec2.CreateVpcCommand, { CidrBlock: "10.0.0.0/16", DryRun: true }),
      "pages too small": await refusal(to, ec2.DescribeVpcPeeringConnectionsCommand, { MaxResults: 4 }),
      "an action not spoken here": await refusal(to, ec2.DescribeInstancesCommand, {}),
    };
    return { all, left: (await send(to, ec2.DescribeVpcsCommand, {})).Vpcs.length };
  },

  async waiting({ requester }) {
    const to = client(requester);
    const ids = { VpcPeeringConnectionIds: [UNKNOWN] };
    const { state } = await ec2.waitUntilVpcPeeringConnectionDeleted({ client: to, ...QUICKLY }, ids);
    const exists = { client: to, maxWaitTime: 2, minDelay: 1, maxDelay: 1 };
    const error = await ec2.waitUntilVpcPeeringConnectionExists(exists, ids).catch((refused) => refused.name);
    return { "an unknown one is deleted": state, "an unknown one exists": error };
  },

  async caller({ requester }) {
    const identity = await new STSClient(settings(requester)).send(new GetCallerIdentityCommand({}));
    return { account: identity.Account, arn: identity.Arn };
  },
};

process.stdout.write(`${JSON.stringify(await stories[name](given))}\n`);
