// The parts of the AWS SDK that every login needs, named one by one so that the bundler leaves out the rest, and
// loaded together while the exec block's command is already running.
export { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks'
export { fromInstanceMetadata } from '@smithy/credential-provider-imds'
export { NodeHttpHandler } from '@smithy/node-http-handler'
export { RefusalEndsRetries } from './retry.ts'
