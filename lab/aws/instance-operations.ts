import { randomUUID } from 'node:crypto'
import type { Identities } from './identities.ts'
import type { Instance, MetadataAccess } from './instance.ts'

/** What EC2 answers to an operation: the elements of its response, or why not. */
export type Ec2Outcome =
  | { kind: 'done'; content: string }
  | { kind: 'refused'; status: number; code: string; message: string }

/**
 * Attaches an instance profile, and by it a role, to the instance: AssociateIamInstanceProfile
 * (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html). The lab's profiles are
 * those that the console makes: one of each role's own name.
 *
 * @returns the outcome, and the ARN of the role that the caller has to be allowed to pass on
 */
export function findProfile(
  parameters: URLSearchParams,
  instance: Instance,
  identities: Identities,
): { kind: 'found'; roleArn: string } | Extract<Ec2Outcome, { kind: 'refused' }> {
  const name = parameters.get('IamInstanceProfile.Name') ?? ''
  const prefix = `arn:aws:iam::${instance.account}:`
  const arn = parameters.get('IamInstanceProfile.Arn') ?? `${prefix}instance-profile/${name}`
  const role = identities.findRole(arn.replace(':instance-profile/', ':role/'))
  if (role === undefined) {
    const what = parameters.has('IamInstanceProfile.Arn') ? 'arn' : 'name'
    const value = parameters.get('IamInstanceProfile.Arn') ?? name
    return refused(
      'InvalidParameterValue',
      `Value (${value}) for parameter iamInstanceProfile.${what} is invalid. Invalid IAM Instance Profile ${what === 'arn' ? 'ARN' : 'name'}`,
    )
  }
  if (instance.roleArn !== null)
    return refused('IncorrectState', `There is an existing association for instance ${instance.id}`)
  return { kind: 'found', roleArn: role.arn }
}

/** Attaches the profile that was found. */
export function associate(instance: Instance, roleArn: string): Ec2Outcome {
  instance.roleArn = roleArn
  const profile = roleArn.replace(':role/', ':instance-profile/')
  return {
    kind: 'done',
    content: `<iamInstanceProfileAssociation><associationId>iip-assoc-${hexadecimal()}</associationId>
<iamInstanceProfile><arn>${profile}</arn></iamInstanceProfile><instanceId>${instance.id}</instanceId>
<state>associating</state></iamInstanceProfileAssociation>`,
  }
}

/**
 * Changes how the metadata service lets itself be asked: ModifyInstanceMetadataOptions
 * (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html). What is not named
 * stays; where metadata is turned on again without a word on tokens, they are required.
 */
export function modifyMetadataOptions(parameters: URLSearchParams, instance: Instance): Ec2Outcome {
  const endpoint = parameters.get('HttpEndpoint') ?? endpointOf(instance.access)
  const tokens = parameters.get('HttpTokens') ?? tokensOf(instance.access)
  const hopLimit = Number(parameters.get('HttpPutResponseHopLimit') ?? instance.hopLimit)
  if (!/^(en|dis)abled$/.test(endpoint)) return invalid('HttpEndpoint', endpoint)
  if (!/^(required|optional)$/.test(tokens)) return invalid('HttpTokens', tokens)
  if (!Number.isInteger(hopLimit) || hopLimit < 1 || hopLimit > 64)
    return invalid('HttpPutResponseHopLimit', String(hopLimit))
  instance.hopLimit = hopLimit
  instance.access = endpoint === 'disabled' ? 'disabled' : (`token-${tokens}` as MetadataAccess)
  return {
    kind: 'done',
    content: `<instanceId>${instance.id}</instanceId><instanceMetadataOptions><state>pending</state>
<httpTokens>${tokens}</httpTokens><httpPutResponseHopLimit>${hopLimit}</httpPutResponseHopLimit>
<httpEndpoint>${endpoint}</httpEndpoint></instanceMetadataOptions>`,
  }
}

function endpointOf(access: MetadataAccess): string {
  return access === 'disabled' ? 'disabled' : 'enabled'
}

function tokensOf(access: MetadataAccess): string {
  return access === 'token-optional' ? 'optional' : 'required'
}

function invalid(name: string, value: string): Ec2Outcome {
  return refused('InvalidParameterValue', `Value (${value}) for parameter ${name} is invalid.`)
}

function refused(code: string, message: string): Extract<Ec2Outcome, { kind: 'refused' }> {
  return { kind: 'refused', status: 400, code, message }
}

function hexadecimal(): string {
  return randomUUID().replaceAll('-', '').slice(0, 17)
}
