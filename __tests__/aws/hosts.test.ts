import { partition, stsHost } from '../../src/aws/hosts.ts'

const plain = {}
const fips = { AWS_USE_FIPS_ENDPOINT: 'true' }
const dual = { AWS_USE_DUALSTACK_ENDPOINT: 'true' }
const both = { ...fips, ...dual }

test.each([
  ['eu-central-1', plain, 'sts.eu-central-1.amazonaws.com'],
  ['eu-central-1', fips, 'sts-fips.eu-central-1.amazonaws.com'],
  ['eu-central-1', dual, 'sts.eu-central-1.api.aws'],
  ['eu-central-1', both, 'sts-fips.eu-central-1.api.aws'],
  ['us-gov-west-1', plain, 'sts.us-gov-west-1.amazonaws.com'],
  ['us-gov-west-1', fips, 'sts.us-gov-west-1.amazonaws.com'],
  ['us-gov-west-1', dual, 'sts.us-gov-west-1.api.aws'],
  ['us-gov-west-1', both, 'sts-fips.us-gov-west-1.api.aws'],
  ['cn-north-1', plain, 'sts.cn-north-1.amazonaws.com.cn'],
  ['cn-north-1', fips, 'sts-fips.cn-north-1.amazonaws.com.cn'],
  ['cn-north-1', dual, 'sts.cn-north-1.api.amazonwebservices.com.cn'],
  ['cn-north-1', both, 'sts-fips.cn-north-1.api.amazonwebservices.com.cn'],
  ['eusc-de-east-1', plain, 'sts.eusc-de-east-1.amazonaws.eu'],
  ['eusc-de-east-1', fips, 'sts-fips.eusc-de-east-1.amazonaws.eu'],
  ['eusc-de-east-1', dual, 'sts.eusc-de-east-1.api.amazonwebservices.eu'],
  ['eusc-de-east-1', both, 'sts-fips.eusc-de-east-1.api.amazonwebservices.eu'],
  ['us-iso-east-1', plain, 'sts.us-iso-east-1.c2s.ic.gov'],
  ['us-iso-east-1', fips, 'sts-fips.us-iso-east-1.c2s.ic.gov'],
  ['us-iso-east-1', dual, 'sts.us-iso-east-1.api.aws.ic.gov'],
  ['us-iso-east-1', both, 'sts-fips.us-iso-east-1.api.aws.ic.gov'],
  ['us-isob-east-1', plain, 'sts.us-isob-east-1.sc2s.sgov.gov'],
  ['us-isob-east-1', fips, 'sts-fips.us-isob-east-1.sc2s.sgov.gov'],
  ['us-isob-east-1', dual, 'sts.us-isob-east-1.api.aws.scloud'],
  ['us-isob-east-1', both, 'sts-fips.us-isob-east-1.api.aws.scloud'],
  ['eu-isoe-west-1', plain, 'sts.eu-isoe-west-1.cloud.adc-e.uk'],
  ['eu-isoe-west-1', fips, 'sts-fips.eu-isoe-west-1.cloud.adc-e.uk'],
  ['eu-isoe-west-1', dual, 'sts.eu-isoe-west-1.api.cloud-aws.adc-e.uk'],
  ['eu-isoe-west-1', both, 'sts-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk'],
  ['us-isof-south-1', plain, 'sts.us-isof-south-1.csp.hci.ic.gov'],
  ['us-isof-south-1', fips, 'sts-fips.us-isof-south-1.csp.hci.ic.gov'],
  ['us-isof-south-1', dual, 'sts.us-isof-south-1.api.aws.hci.ic.gov'],
  ['us-isof-south-1', both, 'sts-fips.us-isof-south-1.api.aws.hci.ic.gov'],
])('in %s, with %j, STS is %s', (region, env, host) => {
  expect(stsHost(region, env)).toBe(host)
})

test('a region that is new has a host of the usual form', () => {
  expect(stsHost('mx-central-1', plain)).toBe('sts.mx-central-1.amazonaws.com')
  expect(stsHost('eu-central-9', both)).toBe('sts-fips.eu-central-9.api.aws')
})

test.each([
  ['TRUE', 'sts-fips.eu-west-1.amazonaws.com'],
  ['1', 'sts.eu-west-1.amazonaws.com'],
  ['false', 'sts.eu-west-1.amazonaws.com'],
  ['', 'sts.eu-west-1.amazonaws.com'],
])('AWS_USE_FIPS_ENDPOINT=%s makes it %s', (value, host) => {
  expect(stsHost('eu-west-1', { AWS_USE_FIPS_ENDPOINT: value })).toBe(host)
})

test('where this machine reaches STS, or which is its own region, is of no account to the cluster', () => {
  const env = {
    AWS_ENDPOINT_URL_STS: 'https://sts.example.com',
    AWS_ENDPOINT_URL: 'https://aws.example.com',
    AWS_REGION: 'us-east-1',
  }
  expect(stsHost('eu-west-1', env)).toBe('sts.eu-west-1.amazonaws.com')
})

test.each([
  ['eu-west-1', 'aws'],
  ['cn-north-1', 'aws-cn'],
  ['us-gov-west-1', 'aws-us-gov'],
  ['eusc-de-east-1', 'aws-eusc'],
  ['us-iso-east-1', 'aws-iso'],
  ['us-isob-east-1', 'aws-iso-b'],
])('ARNs of %s begin with arn:%s', (region, name) => {
  expect(partition(region)).toBe(name)
})
