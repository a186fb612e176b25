import type { Cast, PlayerName } from './cast.ts'

/** The texts of aws-auth. */
export type AwsAuthData = { mapRoles?: string; mapUsers?: string; mapAccounts?: string }

/** Who is known by a mapping: username, then groups. Nobody else is. */
export type Known = Partial<Record<PlayerName, readonly string[]>>

/** Texts of aws-auth, and whom they make known. */
export type MappingCase = { what: string; data: AwsAuthData; known: Known | ((cast: Cast) => Known) }

const RUNNER = 'arn:aws:iam::111122223333:role/runner'
const DEPLOYER = 'arn:aws:iam::111122223333:role/Deployer'
const CI = 'arn:aws:iam::111122223333:user/ci'
const BOB = 'arn:aws:iam::111122223333:user/people/bob'

const role = (arn: string, username: string, more = '') =>
  `- rolearn: ${arn}\n  username: ${username}\n${more}`
const user = (arn: string, username: string, more = '') =>
  `- userarn: ${arn}\n  username: ${username}\n${more}`
const roles = (...entries: string[]): AwsAuthData => ({ mapRoles: entries.join('') })

/** What is found in ConfigMaps: right, wrong and odd. */
export const MAPPINGS: readonly MappingCase[] = [
  { what: 'a role', data: roles(role(RUNNER, 'demo')), known: { runner: ['demo'] } },
  {
    what: 'a role with groups',
    data: roles(role(RUNNER, 'demo', '  groups: [dev, system:masters]\n')),
    known: { runner: ['demo', 'dev', 'system:masters'] },
  },
  {
    what: 'several roles and users',
    data: {
      mapRoles: role(RUNNER, 'one') + role(DEPLOYER, 'two', '  groups:\n  - ops\n'),
      mapUsers: user(CI, 'three') + user(BOB, 'four', '  groups:\n    - people\n'),
    },
    known: { runner: ['one'], deployer: ['two', 'ops'], ci: ['three'], bob: ['four', 'people'] },
  },
  { what: 'nothing', data: {}, known: {} },

  {
    what: 'ARNs in capitals and small letters',
    data: {
      mapRoles:
        role('ARN:AWS:IAM::111122223333:ROLE/RUNNER', 'one') +
        role('arn:aws:iam::111122223333:role/deployer', 'two'),
    },
    known: { runner: ['one'], deployer: ['two'] },
  },
  {
    what: 'a role with its path',
    data: roles(role('arn:aws:iam::111122223333:role/team/apps/Deployer', 'two')),
    known: {},
  },
  {
    what: 'a session instead of its role',
    data: roles(role('arn:aws:sts::111122223333:assumed-role/runner/i-0a1b2c3d4e5f67890', 'one')),
    known: {},
  },
  {
    what: 'a user without its path',
    data: { mapUsers: user(BOB.replace('/people', ''), 'four') },
    known: {},
  },
  {
    what: 'a role of another partition',
    data: roles(role(RUNNER.replace('aws', 'aws-cn'), 'one')),
    known: {},
  },
  { what: 'a role of another account', data: roles(role(RUNNER.replace('1111', '5555'), 'one')), known: {} },
  { what: 'an ARN with a space behind it', data: roles(role(`"${RUNNER} "`, 'one')), known: {} },
  { what: 'an ARN with an asterisk', data: roles(role(RUNNER.replace('runner', '*'), 'one')), known: {} },
  {
    what: 'a user among the roles and a role among the users',
    data: { mapRoles: role(CI, 'three'), mapUsers: user(RUNNER, 'one') },
    known: { ci: ['three'], runner: ['one'] },
  },
  { what: 'a role under the name of a user’s ARN', data: roles(user(RUNNER, 'one')), known: {} },

  {
    what: 'a role twice',
    data: roles(role(RUNNER, 'first', '  groups: [a]\n'), role(DEPLOYER, 'two'), role(RUNNER, 'last')),
    known: { runner: ['last'], deployer: ['two'] },
  },
  {
    what: 'a role twice, once in capitals',
    data: roles(role(RUNNER.toUpperCase(), 'first'), role(RUNNER, 'last')),
    known: { runner: ['last'] },
  },
  {
    what: 'one ARN among the roles and the users',
    data: { mapRoles: role(CI, 'as a role'), mapUsers: user(CI, 'as a user') },
    known: { ci: ['as a role'] },
  },

  {
    what: 'placeholders in usernames',
    data: {
      mapRoles:
        role(RUNNER, '"{{AccountID}}:{{SessionName}}"') +
        role(DEPLOYER, 'aws:{{SessionName}}:{{SessionNameRaw}}:{{AccessKeyID}}'),
      mapUsers: user(CI, 'u:{{SessionName}}:{{AccessKeyID}}:{{SessionName}}'),
    },
    known: ({ deployer, ci }) => ({
      runner: ['111122223333:i-0a1b2c3d4e5f67890'],
      deployer: [`aws:alice-example.com:alice@example.com:${deployer.credentials.accessKeyId}`],
      ci: [`u::${ci.credentials.accessKeyId}:`],
    }),
  },
  {
    what: 'placeholders in groups',
    data: roles(role(DEPLOYER, 'two', '  groups: ["team:{{SessionName}}", "{{AccountID}}"]\n')),
    known: { deployer: ['two', 'team:alice-example.com', '111122223333'] },
  },
  {
    what: 'placeholders that there are not',
    data: roles(role(RUNNER, '"{{sessionname}}-{{ SessionName }}-{{Session}}-{SessionName}"')),
    known: { runner: ['{{sessionname}}-{{ SessionName }}-{{Session}}-{SessionName}'] },
  },
  {
    what: 'a placeholder without quotes at the beginning',
    data: {
      mapRoles: role(RUNNER, '{{SessionName}}') + role(DEPLOYER, 'two'),
      mapUsers: user(CI, 'three'),
    },
    known: { ci: ['three'] },
  },
  {
    what: 'names of nodes',
    data: {
      mapRoles: [RUNNER, DEPLOYER]
        .map(arn => role(arn, 'system:node:{{EC2PrivateDNSName}}', '  groups: [system:nodes]\n'))
        .join(''),
      mapUsers: user(CI, 'system:node:{{EC2PrivateDNSName}}'),
    },
    known: { runner: ['system:node:ip-10-0-3-17.ec2.internal', 'system:nodes'] },
  },

  {
    what: 'fields that there are not',
    data: roles(`- rolearn: ${RUNNER}\n  username: one\n  userid: x\n  note: [1, {a: b}]\n  group: [a]\n`),
    known: { runner: ['one'] },
  },
  {
    what: 'fields in capitals',
    data: roles(`- RoleArn: ${RUNNER}\n  USERNAME: one\n  Groups: [a]\n`),
    known: { runner: ['one', 'a'] },
  },
  {
    what: 'a field twice',
    data: roles(role(RUNNER, 'first', '  username: last\n')),
    known: { runner: ['last'] },
  },
  {
    what: 'a field twice, once in capitals',
    data: roles(role(RUNNER, 'small', '  Username: capital\n')),
    known: { runner: ['small'] },
  },
  {
    what: 'groups that are no list',
    data: roles(role(RUNNER, 'one', '  groups: dev\n'), role(DEPLOYER, 'two', '  groups: {a: b}\n')),
    known: { runner: ['one'], deployer: ['two'] },
  },
  {
    what: 'an entry that is a text, and one that is nothing',
    data: roles('- hello\n', role(RUNNER, 'one'), '-\n', role(DEPLOYER, 'two')),
    known: { runner: ['one'], deployer: ['two'] },
  },
  {
    what: 'no list',
    data: { mapRoles: `rolearn: ${RUNNER}\nusername: one\n`, mapUsers: user(CI, 'three') },
    known: { ci: ['three'] },
  },
  {
    what: 'lists in a list',
    data: roles(`- - rolearn: ${RUNNER}\n    username: one\n`),
    known: {},
  },

  {
    what: 'texts that look like something else, to some',
    data: {
      mapRoles: role(RUNNER, '2026-01-02') + role(DEPLOYER, '1:30'),
      mapUsers: user(CI, 'yesterday') + user(BOB, '0o17x'),
    },
    known: { runner: ['2026-01-02'], deployer: ['1:30'], ci: ['yesterday'], bob: ['0o17x'] },
  },
  {
    what: 'roles that are no YAML',
    data: { mapRoles: `${role(RUNNER, 'one')} oops`, mapUsers: user(CI, 'three') },
    known: { ci: ['three'] },
  },
  {
    what: 'users that are no YAML',
    data: { mapRoles: role(RUNNER, 'one'), mapUsers: 'a: b: c', mapAccounts: '- "012345678901"' },
    known: { runner: ['one'], stranger: ['arn:aws:iam::012345678901:role/runner'] },
  },
  { what: 'tabs', data: roles(`- rolearn: ${RUNNER}\n\tusername: one\n`), known: {} },
  {
    what: 'a tab in a line that is empty else',
    data: roles(`- rolearn: ${RUNNER}\n\t\n  username: one\n`),
    known: {},
  },
  {
    what: 'a tab where a space is allowed',
    data: roles(`- rolearn:\t${RUNNER}\t\n  username: one\n`),
    known: { runner: ['one'] },
  },
  {
    what: 'texts that are numbers, and texts that are almost',
    data: roles(role(RUNNER, 'e6', '  groups: [e6, 1e6, 0x1F, 0xG, 1_000, 1.2.3, +7, 0b2, 08]\n')),
    known: { runner: ['e6', 'e6', '', '', '0xG', '', '1.2.3', '', '0b2', ''] },
  },
  { what: 'infinity', data: roles(role(RUNNER, 'one', '  note: .inf\n')), known: {} },
  { what: 'a username with an at', data: roles(role(RUNNER, '@one')), known: {} },
  { what: 'a username with a colon and a space', data: roles(role(RUNNER, 'one: two')), known: {} },
  { what: 'a key that is nothing', data: roles(role(RUNNER, 'one', '  ~: x\n')), known: {} },
  {
    what: 'keys that are no texts',
    data: roles(role(RUNNER, 'one', '  1: x\n  true: x\n  1.5: x\n')),
    known: { runner: ['one'] },
  },
  {
    what: 'an alias without its anchor',
    data: roles(role(RUNNER, 'one', '  groups: *all\n')),
    known: {},
  },
  {
    what: 'anchors and merged mappings',
    data: roles(
      `- &base\n  rolearn: ${RUNNER}\n  username: one\n  groups: &all [a, b]\n`,
      `- <<: *base\n  rolearn: ${DEPLOYER}\n`,
    ),
    known: { runner: ['one', 'a', 'b'], deployer: ['one', 'a', 'b'] },
  },
  {
    what: 'several documents, of which the second is no YAML',
    data: roles(role(RUNNER, 'one'), '---\n', role(DEPLOYER, 'two'), ' oops\n'),
    known: { runner: ['one'] },
  },
  {
    what: 'JSON',
    data: roles(JSON.stringify([{ rolearn: RUNNER, username: 'one' }])),
    known: { runner: ['one'] },
  },
  {
    what: 'the line ends of Windows',
    data: roles(role(RUNNER, 'one', '  groups:\n  - a\n').replaceAll('\n', '\r\n')),
    known: { runner: ['one', 'a'] },
  },
  { what: 'nothing but quotes', data: { mapRoles: '""', mapUsers: "''", mapAccounts: '``' }, known: {} },
  {
    what: 'nothing but a comment',
    data: { mapRoles: '# none', mapUsers: ' \n', mapAccounts: '~' },
    known: {},
  },

  {
    what: 'accounts',
    data: { mapAccounts: '- 012345678901\n- "111122223333"\n' },
    known: {
      runner: [RUNNER],
      // Not even the canonical ARN has the path, which STS does not say.
      deployer: [DEPLOYER],
      stranger: ['arn:aws:iam::012345678901:role/runner'],
      ci: [CI],
      bob: [BOB],
    },
  },
  {
    what: 'an account, and a role of it',
    data: { mapRoles: role(RUNNER, 'one', '  groups: [a]\n'), mapAccounts: '["111122223333"]' },
    known: { runner: ['one', 'a'], deployer: [DEPLOYER], ci: [CI], bob: [BOB] },
  },
  {
    what: 'an alias without its anchor among the accounts',
    data: { mapRoles: role(RUNNER, 'one'), mapAccounts: '- "012345678901"\n- *all\n' },
    known: { runner: ['one'] },
  },
  { what: 'one account that is no list', data: { mapAccounts: '"111122223333"' }, known: {} },
  {
    what: 'accounts among which there is something else',
    data: { mapAccounts: '- [a]\n- 012345678901\n- {a: b}\n' },
    known: { stranger: ['arn:aws:iam::012345678901:role/runner'] },
  },
]

/** Entries of mapRoles whose username is none: a user without a name, whom the API server takes or not. */
export const NAMELESS: readonly { what: string; entry: string }[] = [
  { what: 'missing', entry: `- rolearn: ${RUNNER}\n` },
  { what: 'empty', entry: role(RUNNER, '') },
  { what: 'a number', entry: role(RUNNER, '123') },
  { what: 'yes', entry: role(RUNNER, 'yes') },
  { what: 'a list', entry: role(RUNNER, '[one]') },
]
