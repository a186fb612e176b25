// The parts of the AWS SDK that asking EKS needs when the first try was not enough or the login failed, named one by one
// so that the bundler leaves out the rest.
export {
  DescribeAccessEntryCommand,
  DescribeClusterCommand,
  EKSClient,
  ListAccessEntriesCommand,
  ListClustersCommand,
} from '@aws-sdk/client-eks'
export { BoundedHandler } from './bounded-handler.ts'
export { RefusalEndsRetries } from './retry.ts'
