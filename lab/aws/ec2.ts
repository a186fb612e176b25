import { randomUUID } from 'node:crypto'
import { type Answer, CAPTIVE_PORTAL, type Reading, type Service } from './exchange.ts'
import type { AnsweredFault } from './faults.ts'
import { type Identities, notAuthorized } from './identities.ts'
import { type Instance, privateDnsName } from './instance.ts'
import { associate, type Ec2Outcome, findProfile, modifyMetadataOptions } from './instance-operations.ts'
import { readIngress, SecurityGroupRefused, type SecurityGroups } from './security-groups.ts'
import type { SignatureRefusal, SignatureRules } from './signature.ts'
import { type Signer, signerOf } from './signer.ts'

// Codes of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, as the service sends them.
const REFUSALS: Readonly<Record<SignatureRefusal, string>> = {
  missing: 'MissingParameter',
  incomplete: 'IncompleteSignature',
  'unknown-key': 'AuthFailure',
  mismatch: 'SignatureDoesNotMatch',
  'expired-token': 'RequestExpired',
}

const VERSION = '2016-11-15'

type Signed = Extract<Signer, { kind: 'known' }>
type Unknown = Exclude<Signer, Signed>

/**
 * Makes the EC2 API, as far as the lab serves it: DescribeInstances by ids
 * (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html), which the authenticator of a
 * cluster asks for the names of its nodes, or by an address, what changes the instance's role and metadata, and
 * AuthorizeSecurityGroupIngress. It knows the one instance of the lab, and of it who and where it is.
 */
export function createEc2Service(
  instance: Instance,
  identities: Identities,
  securityGroups: SecurityGroups,
): Service {
  return {
    name: 'ec2',
    read(request, region): Reading {
      const parameters = new URLSearchParams(request.body.toString())
      const operation = parameters.get('Action') ?? 'Unknown'
      const signer = signerOf(request, rules(region), identities)
      const signed = signer.kind === 'known' ? signer : undefined
      return {
        operation,
        region: signed?.region ?? region,
        identity: signed?.caller.arn ?? null,
        answer: () =>
          signer.kind === 'known'
            ? perform(parameters, signer, { instance, identities, securityGroups })
            : refuse(signer),
        answerFault,
      }
    },
  }
}

function rules(region: string | null): SignatureRules {
  return {
    service: 'ec2',
    region: region ?? 'any',
    toleranceMinutes: 5,
    honoursExpires: true,
    mustBeSigned: [],
  }
}

function refuse({ kind, message }: Unknown): Answer {
  const unknown = 'AWS was not able to validate the provided access credentials'
  const text = kind === 'unknown-key' ? unknown : message
  return failure(kind === 'incomplete' ? 400 : 401, REFUSALS[kind], text)
}

function perform(
  parameters: URLSearchParams,
  signed: Signed,
  { instance, identities, securityGroups }: Ec2State,
): Answer {
  const operation = parameters.get('Action') ?? ''
  if (!OPERATIONS.includes(operation) || parameters.get('Version') !== VERSION)
    return failure(501, 'NotImplemented', `the lab has no ${operation} of EC2`)
  const denied = denial(signed, `ec2:${operation}`, '*', identities)
  if (denied) return denied
  if (operation === 'DescribeInstances') return describeInstances(parameters, signed, instance)
  if (operation === 'AuthorizeSecurityGroupIngress') return authorizeIngress(parameters, securityGroups)
  const id = parameters.get('InstanceId') ?? ''
  if (!isTheirs(id, signed, instance)) return noInstance(id)
  if (operation === 'ModifyInstanceMetadataOptions')
    return answerOf(operation, modifyMetadataOptions(parameters, instance))
  const profile = findProfile(parameters, instance, identities)
  if (profile.kind === 'refused') return answerOf(operation, profile)
  // Who attaches a role hands on what it may do.
  const { roleArn } = profile
  return (
    denial(signed, 'iam:PassRole', roleArn, identities) ?? answerOf(operation, associate(instance, roleArn))
  )
}

const OPERATIONS = [
  'DescribeInstances',
  'AssociateIamInstanceProfile',
  'ModifyInstanceMetadataOptions',
  'AuthorizeSecurityGroupIngress',
]

function denial({ caller }: Signed, action: string, resource: string, identities: Identities): Answer | null {
  const decision = identities.decide(caller, action, resource)
  if (decision === 'allow') return null
  return failure(403, 'UnauthorizedOperation', notAuthorized(caller.arn, action, resource, decision))
}

function answerOf(operation: string, outcome: Ec2Outcome): Answer {
  return outcome.kind === 'done'
    ? success(operation, outcome.content)
    : failure(outcome.status, outcome.code, outcome.message)
}

function isTheirs(id: string, { caller, region }: Signed, instance: Instance): boolean {
  return instance.region === region && instance.account === caller.account && id === instance.id
}

function noInstance(id: string): Answer {
  return /^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)
    ? failure(400, 'InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`)
    : failure(400, 'InvalidInstanceID.Malformed', `Invalid id: "${id}"`)
}

type Ec2State = { instance: Instance; identities: Identities; securityGroups: SecurityGroups }

function authorizeIngress(parameters: URLSearchParams, securityGroups: SecurityGroups): Answer {
  try {
    const { groupId, rule } = readIngress(parameters)
    securityGroups.authorizeIngress(groupId, rule)
  } catch (error) {
    if (error instanceof SecurityGroupRefused) return failure(400, error.code, error.message)
    throw error
  }
  return success('AuthorizeSecurityGroupIngress', '<return>true</return><securityGroupRuleSet/>')
}

/** The filter by addresses of an instance's network interfaces, of pods and itself. */
const BY_ADDRESS = 'network-interface.addresses.private-ip-address'

function describeInstances(parameters: URLSearchParams, signed: Signed, instance: Instance): Answer {
  const names = [...parameters.keys()].filter(name => name !== 'Action' && name !== 'Version')
  const filters = names.every(name => name.startsWith('Filter.1.'))
  if (filters && parameters.get('Filter.1.Name') === BY_ADDRESS) {
    const addresses = names.filter(name => name.includes('.Value.')).map(name => parameters.get(name))
    const found = addresses.includes(instance.privateIp) && isTheirs(instance.id, signed, instance)
    return success('DescribeInstances', found ? describe(instance) : '<reservationSet/>')
  }
  if (names.length === 0 || !names.every(name => /^InstanceId\.\d+$/.test(name)))
    return failure(501, 'NotImplemented', 'the lab describes instances by their ids, or by an address')
  const ids = names.map(name => parameters.get(name) ?? '')
  const unknown = ids.find(id => !isTheirs(id, signed, instance))
  return unknown === undefined ? success('DescribeInstances', describe(instance)) : noInstance(unknown)
}

function describe(instance: Instance): string {
  const { id, account, privateIp, availabilityZone } = instance
  return `<reservationSet><item><ownerId>${account}</ownerId><instancesSet><item>
<instanceId>${id}</instanceId><instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>${privateDnsName(instance)}</privateDnsName><privateIpAddress>${privateIp}</privateIpAddress>
<placement><availabilityZone>${availabilityZone}</availabilityZone></placement>
</item></instancesSet></item></reservationSet>`
}

function answerFault(fault: AnsweredFault): Answer {
  switch (fault.kind) {
    case 'throttle':
      return failure(503, 'RequestLimitExceeded', 'Request limit exceeded.')
    case 'server-error':
      return failure(
        fault.status,
        fault.status === 503 ? 'Unavailable' : 'InternalError',
        'An error occurred',
      )
    case 'denied':
      return failure(403, 'UnauthorizedOperation', 'You are not authorized to perform this operation.')
    case 'malformed':
      return { ...success('DescribeInstances', ''), body: '<DescribeInstancesResponse><' }
    case 'html':
      return CAPTIVE_PORTAL
  }
}

function success(operation: string, content: string): Answer {
  const root = `${operation}Response`
  const body = `<${root} xmlns="http://ec2.amazonaws.com/doc/${VERSION}/"><requestId>${randomUUID()}</requestId>
${content}</${root}>\n`
  return { status: 200, headers: { 'content-type': 'text/xml' }, body }
}

function failure(status: number, code: string, message: string): Answer {
  const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const error = `<Errors><Error><Code>${code}</Code><Message>${text}</Message></Error></Errors>`
  const body = `<Response>${error}<RequestID>${randomUUID()}</RequestID></Response>\n`
  return { status, headers: { 'content-type': 'text/xml' }, body }
}
