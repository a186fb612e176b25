// The parts of the AWS SDK that asking EKS needs when the first try was not enough, named one by one so that the
// bundler leaves out the rest.
export { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks'
export { NodeHttpHandler } from '@smithy/node-http-handler'
export { RefusalEndsRetries } from './retry.ts'
