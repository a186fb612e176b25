import type { AwsEvidence } from '../../aws/evidence.ts'
import type { About, Diagnosis, Possibility, Route, Step } from '../failure.ts'
import { isOfCertificate } from '../network/certificate.ts'
import { runnerLine } from '../network/endpoint-access.ts'
import { hostOf, isInVpc, routeLines } from '../network/route.ts'
import { commandLine, shell } from '../shell.ts'
import { withPaste } from '../workflow.ts'
import { endpointService } from './denial.ts'

// A service of AWS that cannot be reached, or that somebody else answers for.

type Unreachable = Extract<AwsEvidence, { kind: 'unreachable' }>
type TimedOut = Extract<AwsEvidence, { kind: 'timed-out' }>
type Unreadable = Extract<AwsEvidence, { kind: 'answer-unreadable' }>

/** No connection, or none that can be trusted. */
export function unreachableService(evidence: Unreachable, about: About): Diagnosis {
  const { asked, endpoint, code, message, proxy } = evidence
  const host = hostOf(endpoint)
  const told = [`${endpoint}: ${code ? `${code}, ` : ''}${message}`]
  if (isOfCertificate(code)) return untrusted(evidence, told, about)
  if (proxy) return throughProxy(evidence, proxy, told, about)
  const rest = {
    code: 'EKS208' as const,
    evidence: [...told, ...routeLines(host, about.route), ...placeLines(about)],
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return {
      ...rest,
      cause: `${asked} had no answer: the name ${host} does not resolve here`,
      cure: [
        'Check the DNS of the runner: a VPC needs enableDnsSupport, and a resolver of its own must forward the names of AWS.',
        ...named(about),
      ],
    }
  }
  if (code === 'ECONNREFUSED') {
    return {
      ...rest,
      cause: `${asked} had no answer: ${endpoint} refuses the connection`,
      cure: [
        isCustom(endpoint)
          ? `Nobody listens there: check AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_${serviceOf(asked).toUpperCase()}, or unset them to ask AWS itself.`
          : 'AWS listens on 443 there: look for a firewall, or an entry for the name in /etc/hosts, that sends the runner elsewhere.',
      ],
    }
  }
  if (code === 'ECONNRESET') {
    return {
      ...rest,
      cause: `${asked} had no whole answer: the connection to ${endpoint} broke off each time`,
      cure: [
        'Look for what ends connections on the way: a firewall, a proxy, or a VPC endpoint that is at its limit.',
      ],
    }
  }
  return {
    ...rest,
    cause: `${asked} had no answer: ${endpoint} cannot be reached`,
    cure: wayThere(asked, about, /TIMEDOUT|UNREACH/.test(code)),
  }
}

function throughProxy(
  { asked, proxyStatus, endpoint, code, message }: Unreachable,
  proxy: string,
  told: string[],
  { route }: About,
): Diagnosis {
  const host = hostOf(endpoint)
  if (code === 'ERR_PROXY_URL') {
    return {
      code: 'EKS208',
      cause: `${asked} had no answer: ${message}`,
      evidence: told,
      cure: [
        'Give it as http://HOST:PORT, with a user and password as http://USER:PASSWORD@HOST:PORT: what is neither a letter nor a digit in these is percent-encoded, as @ is %40 and % is %25.',
        ...direct(host, route),
      ],
    }
  }
  const why = proxyStatus
    ? `the proxy ${proxy} does not let us through to ${host}: it answered ${proxyStatus}`
    : `the proxy ${proxy} cannot be reached`
  return {
    code: 'EKS208',
    cause: `${asked} had no answer: ${why}`,
    evidence: told,
    cure: [
      ...(proxyStatus === 407
        ? ['The proxy wants a user and password: HTTPS_PROXY takes them as http://USER:PASSWORD@HOST:PORT.']
        : proxyStatus
          ? [`Allow ${host}:443 in the proxy.`]
          : ['Check HTTPS_PROXY, and whether the proxy is up.']),
      ...direct(host, route),
    ],
  }
}

/** Where a proxy is not needed; who is named already stays so. */
function direct(host: string, route: Route | undefined): Step[] {
  const names = [route?.noProxy, host].filter(Boolean).join(',')
  return [
    'Or, if the service can be reached without the proxy, as through a VPC endpoint, name it in NO_PROXY:',
    { language: 'yaml', text: `env:\n  NO_PROXY: ${JSON.stringify(names)}` },
  ]
}

function untrusted({ asked, endpoint, issuer }: Unreachable, told: string[], { route }: About): Diagnosis {
  const host = hostOf(endpoint)
  const by = issuer ? `, which ${issuer} signed,` : ''
  return {
    code: 'EKS211',
    cause: `${asked} had no answer that can be trusted: the certificate of ${host}${by} was refused`,
    evidence: [...told, ...(issuer ? [`signed by ${issuer}`] : []), ...routeLines(host, route)],
    cure: [
      `Where a proxy or firewall opens TLS${issuer ? `, as ${issuer} may be the CA of one` : ''}, give the job a PEM file with its CA and the public ones:`,
      { language: 'yaml', text: 'env:\n  AWS_CA_BUNDLE: /etc/ssl/certs/ca-certificates.crt' },
      `That is the file of Debian and Ubuntu, in which update-ca-certificates puts what stands in /usr/local/share/ca-certificates; Amazon Linux and RHEL have /etc/pki/tls/certs/ca-bundle.crt. A ca_bundle of a profile is not read. Or let ${host} through unopened.`,
    ],
  }
}

/** Nothing came in time. */
export function timedOut({ asked, endpoint, seconds }: TimedOut, about: About): Diagnosis {
  const host = hostOf(endpoint)
  const { route } = about
  const patient: Possibility = {
    cause: 'it would have answered later',
    tell: [`The timeout was ${seconds} s; the default is ${DEFAULT_SECONDS} s.`],
    cure: [withPaste({ timeout: String(Math.max(DEFAULT_SECONDS, seconds * 2)) })],
  }
  const cut: Possibility = route?.proxy
    ? {
        cause: `the proxy ${route.proxy} does not answer`,
        tell: [shell(commandLine(...CURL, '--verbose', '--proxy', route.proxy, `https://${host}/`))],
        cure: ['Check HTTPS_PROXY, and whether the proxy is up.', ...direct(host, route)],
      }
    : {
        cause: 'the runner has no way there',
        tell: [shell(commandLine(...CURL, '--verbose', urlOf(endpoint)))],
        cure: wayThere(asked, about, true),
      }
  // Who gave it less time than the default most likely gave it too little.
  const [likeliest, other] = seconds < DEFAULT_SECONDS ? [patient, cut] : [cut, patient]
  return {
    code: 'EKS209',
    cause: `${asked} had no answer within ${seconds} s`,
    evidence: [
      `${endpoint}: no whole answer came within ${seconds} s, retries included`,
      ...routeLines(host, route),
      ...placeLines(about),
    ],
    cure: [`Likeliest is that ${likeliest.cause}.`, ...likeliest.cure],
    otherwise: [other],
  }
}

const DEFAULT_SECONDS = 30
const CURL = ['curl', '--max-time', '10']

function urlOf(endpoint: string): string {
  return isCustom(endpoint) ? endpoint : `https://${endpoint}/`
}

/** @param isCut whether the runner is one that no packet of the service comes back to */
function wayThere(asked: string, about: About, isCut: boolean): Step[] {
  const { region, route } = about
  const service = endpointService(serviceOf(asked), region)
  const endpoints = shell(
    commandLine(
      ...['aws', 'ec2', 'describe-vpc-endpoints', '--region', region],
      ...['--filters', `Name=service-name,Values=*${service}`],
      ...['--query', 'VpcEndpoints[].[VpcEndpointId,VpcId,State,Groups[].GroupId]'],
    ),
  )
  if (route && isInVpc(route)) {
    return [
      `The name leads to a VPC endpoint of ${service}. Let the runner in on port 443 in its security groups, and check that its subnets are routed to. This shows them:`,
      endpoints,
    ]
  }
  return [
    `Give the runner a way there: a NAT gateway, a VPC endpoint of ${service} with private DNS, or HTTPS_PROXY. This shows whether there is such an endpoint:`,
    endpoints,
    ...(isCut ? newEndpoint(service, about) : []),
  ]
}

/** Where the runner is, where that was asked for. */
function placeLines({ runner }: About): string[] {
  return runner ? [runnerLine(runner)] : []
}

/**
 * Makes a VPC endpoint in the subnet that the runner is in. Its private DNS leads all of the VPC to it
 * (https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html), so all of the VPC is let in.
 */
function newEndpoint(service: string, { region, runner }: About): Step[] {
  if (!runner) return []
  const { vpcId, privateIp } = runner
  const ec2 = (operation: string, ...words: string[]) =>
    commandLine('aws', 'ec2', operation, '--region', region, ...words)
  const text = (query: string) => ['--query', query, '--output', 'text']
  const name = `${service}-endpoint`
  const subnet = ec2(
    'describe-instances',
    ...['--filters', `Name=vpc-id,Values=${vpcId}`, `Name=private-ip-address,Values=${privateIp}`],
    ...text('Reservations[0].Instances[0].SubnetId'),
  )
  const group = ec2(
    'create-security-group',
    ...['--group-name', name, '--description', name, '--vpc-id', vpcId],
    ...text('GroupId'),
  )
  const cidrs = ec2(
    'describe-vpcs',
    ...['--vpc-ids', vpcId],
    ...text('Vpcs[0].CidrBlockAssociationSet[].CidrBlock'),
  )
  const rule = ec2('authorize-security-group-ingress', '--protocol', 'tcp', '--port', '443')
  const endpoint = ec2(
    'create-vpc-endpoint',
    ...['--vpc-id', vpcId, '--vpc-endpoint-type', 'Interface', '--service-name', service],
    '--private-dns-enabled',
  )
  return [
    `Where there is none, and no NAT gateway to put in order, these lines make an endpoint in the runner\u2019s subnet. It is for all of ${vpcId}: from then on each machine there reaches ${service} by it alone, also one that has had another way, and so they are all let in on port 443.`,
    shell(
      `group="$(${group})"`,
      `for cidr in $(${cidrs}); do`,
      `  ${rule} --group-id "$group" --cidr "$cidr"`,
      'done',
      `${endpoint} --security-group-ids "$group" --subnet-ids "$(${subnet})"`,
    ),
  ]
}

function named({ region }: About): Step[] {
  return [`And check that the region ${region} is one of AWS.`]
}

/** `eks` of `eks:DescribeCluster` */
function serviceOf(asked: string): string {
  return asked.replace(/:.*/s, '')
}

/** Set by the environment: a URL, not one of AWS's hosts. */
function isCustom(endpoint: string): boolean {
  return endpoint.includes('://')
}

/** Whoever answers is not the API. */
export function unreadableAnswer(
  { asked, endpoint, status, problem }: Unreadable,
  { route }: About,
): Diagnosis {
  const host = hostOf(endpoint)
  return {
    code: 'EKS214',
    cause: `${asked} had an answer that is none of AWS`,
    evidence: [`${endpoint} answered ${status}: ${problem}`, ...routeLines(host, route)],
    cure: [
      isCustom(endpoint)
        ? `AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_${serviceOf(asked).toUpperCase()} leads there: correct it, or unset it to ask AWS itself.`
        : `Something between here and AWS answers in its place: a captive portal, or a proxy with a page of its own. This shows what it says:`,
      shell(commandLine(...CURL, '--include', urlOf(endpoint))),
      ...(route?.proxy ? [`Allow ${host}:443 in the proxy ${route.proxy}.`, ...direct(host, route)] : []),
    ],
  }
}
