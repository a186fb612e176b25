// STS is asked only for assume-role-arn and after a failure: a chunk of its own, loaded for nobody else.
export { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
