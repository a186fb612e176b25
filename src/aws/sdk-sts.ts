// STS is asked only for a role to assume and after a failure: a chunk of its own, loaded for nobody else.
export { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
