import fc from 'fast-check'
import { formatRule, parseRule, parseRules, type Rule } from '../../src/kube/rules.ts'

const without = { name: null, subresource: null, scope: { kind: 'default' } }

describe('a rule reads as kubectl reads its arguments', () => {
  test.each<[string, Partial<Rule>]>([
    ['list pods', { kind: 'resource', verb: 'list', resource: 'pods', ...without } as Rule],
    ['  list \t pods  ', { verb: 'list', resource: 'pods', text: 'list \t pods' } as Rule],
    ['get deployments.apps/web', { resource: 'deployments.apps', name: 'web' } as Rule],
    ['get deploy.v1.apps', { resource: 'deploy.v1.apps', name: null } as Rule],
    ['list pods.v1.', { resource: 'pods.v1.' } as Rule],
    ['get pods/log', { resource: 'pods', name: 'log', subresource: null } as Rule],
    ['get clusterroles/system:node', { name: 'system:node' } as Rule],
    ['sign signers.certificates.k8s.io/example.com/one', { name: 'example.com/one' } as Rule],
    ['get pods --subresource=log', { subresource: 'log' } as Rule],
    ['get pods --subresource log', { subresource: 'log' } as Rule],
    ['get pods -n web', { scope: { kind: 'namespace', namespace: 'web' } } as Rule],
    ['get pods -nweb', { scope: { kind: 'namespace', namespace: 'web' } } as Rule],
    ['get pods -n=web', { scope: { kind: 'namespace', namespace: 'web' } } as Rule],
    ['get pods --namespace web', { scope: { kind: 'namespace', namespace: 'web' } } as Rule],
    ['get pods --namespace=web', { scope: { kind: 'namespace', namespace: 'web' } } as Rule],
    ['-n web get pods', { verb: 'get', scope: { kind: 'namespace', namespace: 'web' } } as Rule],
    ['get -A pods', { resource: 'pods', scope: { kind: 'all' } } as Rule],
    ['get pods --all-namespaces', { scope: { kind: 'all' } } as Rule],
    ['* *', { verb: '*', resource: '*' } as Rule],
    ["'*' '*'", { verb: '*', resource: '*' } as Rule],
    ['get "pods"', { resource: 'pods' } as Rule],
    ['get *.apps', { resource: '*.apps' } as Rule],
    ['get *.*', { resource: '*.*' } as Rule],
    ['impersonate-on:user-info:get pods', { verb: 'impersonate-on:user-info:get' } as Rule],
    ['kubectl auth can-i list pods -n web', { verb: 'list', resource: 'pods' } as Rule],
    ['get /healthz', { kind: 'url', verb: 'get', path: '/healthz' } as Rule],
    ['get /logs/*', { kind: 'url', path: '/logs/*' } as Rule],
    ['get /api/v1', { kind: 'url', path: '/api/v1' } as Rule],
    ['get /apis/apps/v1', { kind: 'url', path: '/apis/apps/v1' } as Rule],
  ])('%s', (text, expected) => {
    expect(parseRule(text)).toMatchObject(expected)
  })
})

describe('a rule that asks nothing sensible is a mistake that says what is wrong', () => {
  test.each([
    ['list', 'a resource or a URL is missing'],
    ['-n web', 'a verb is missing'],
    ['kubectl auth can-i', 'a verb is missing'],
    ['list pods now', '"now" is one word too many'],
    ['kubectl get pods', 'drop "kubectl"'],
    ['pods list', 'the verb comes first: write "list pods"'],
    ['get,list pods', 'write a line for each'],
    ['list pods,nodes', 'write a line for each'],
    ['list pods # all of them', 'takes no comment'],
    ['# list pods', 'takes no comment'],
    ['- list pods', 'the flag - is not accepted'],
    ['l!st pods', '"l!st" is no verb'],
    ['list po*', '"po*" is no resource'],
    ['list .apps', '".apps" is no resource'],
    ["list 'pods", "the quotes in 'pods do not match"],
    ['list pods -n', '-n has no value'],
    ['list pods -n=', '-n= has no value'],
    ['list pods --subresource=', '--subresource= has no value'],
    ['list pods --as=root', 'the flag --as=root is not accepted'],
    ['list pods -An web', 'the flag -An is not accepted'],
    ['list pods -n a --namespace b', '--namespace is given twice'],
    ['list pods -n web -A', '-n and -A exclude each other'],
    ['list pods -n Web', '"Web" is no namespace'],
    ['list pods -n -A', '"-A" is no namespace'],
    ['list pods -n *', '-A asks about all'],
    ['get pods/', 'a name is missing after the slash'],
    ['get pods/*', 'leave it out to ask about any'],
    ['get pods/web/log', 'write pods/web --subresource=log'],
    ['get pods/..', '".." is no name'],
    ['get pods --subresource=pods/log', 'write --subresource=log'],
    ['get pods --subresource=l!g', '"l!g" is no subresource'],
    ['get /healthz --subresource=x', 'a URL has no subresource'],
    ['get /healthz -n web', 'a URL is in no namespace'],
    ['get /healthz -A', 'a URL is in no namespace'],
    ['list /healthz', 'a URL has no verb "list", only get, put'],
    ['get /logs?n=1', 'its path alone'],
    ['get /l*/a', 'only at its end'],
    ['get /api/v1/secrets', 'is the URL of a resource'],
    ['get /apis/apps/v1/deployments/web', 'is the URL of a resource'],
  ])('%s: %s', (text, problem) => {
    const mistake = parseRule(text)
    expect(mistake).toMatchObject({ kind: 'mistake', rule: text, problem: expect.stringContaining(problem) })
  })

  test('its message names the rule, what is wrong and what is accepted', () => {
    expect(parseRule('list')).toMatchObject({
      message:
        'rule "list": a resource or a URL is missing; accepted: ' +
        'VERB RESOURCE[.GROUP][/NAME] [--subresource=S] [-n NAMESPACE | -A], or VERB /non/resource/url',
    })
  })
})

describe('rules, one a line', () => {
  test('are read with blank lines left out, whatever ends a line', () => {
    const { rules, mistakes } = parseRules('\nlist pods\r\n\r\n  get /healthz  \n')
    expect(rules.map(formatRule)).toEqual(['list pods', 'get /healthz'])
    expect(mistakes).toEqual([])
  })

  test('give all their mistakes at once, each with its line', () => {
    const { rules, mistakes } = parseRules('list\nlist pods\n\nget pods/')
    expect(rules.map(formatRule)).toEqual(['list pods'])
    expect(mistakes.map(({ line, rule }) => [line, rule])).toEqual([
      [1, 'list'],
      [4, 'get pods/'],
    ])
  })

  test('that are none give nothing', () => {
    expect(parseRules(' \n')).toEqual({ rules: [], mistakes: [] })
  })
})

describe('a rule prints itself', () => {
  test.each([
    ['get  deploy/web --subresource status --namespace=web', 'get deploy/web --subresource=status -n web'],
    ['--all-namespaces list pods', 'list pods -A'],
    ['* *', "'*' '*'"],
    ['get /logs/*', "get '/logs/*'"],
  ])('%s as %s', (text, printed) => {
    expect(formatRule(parseRule(text) as Rule)).toBe(printed)
  })

  test('so that reading it gives the same rule', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
    const name = fc.stringMatching(/^[A-Za-z0-9][\w.:@~$!-]{0,12}$/)
    const scope = fc.oneof(
      fc.constant({ kind: 'default' as const }),
      fc.constant({ kind: 'all' as const }),
      word.map(namespace => ({ kind: 'namespace' as const, namespace })),
    )
    const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
    const resource = fc.record({
      kind: fc.constant('resource' as const),
      text: fc.constant(''),
      verb: fc.oneof(
        fc.constantFrom('get', 'list', '*'),
        fc.tuple(word, word).map(parts => parts.join(':')),
      ),
      resource: fc.oneof(
        fc.array(word, { minLength: 1, maxLength: 4 }).map(parts => parts.join('.')),
        fc.constantFrom('*', '*.*', '*.apps'),
      ),
      name: optional(name),
      subresource: optional(word),
      scope,
    })
    const url = fc.record({
      kind: fc.constant('url' as const),
      text: fc.constant(''),
      verb: fc.constantFrom('get', '*'),
      path: fc.tuple(word, fc.constantFrom('', '/', '/*', '/a(b)')).map(parts => `/${parts.join('')}`),
    })
    fc.assert(
      fc.property(fc.oneof(resource, url), rule => {
        expect(parseRule(formatRule(rule))).toEqual({ ...rule, text: formatRule(rule) })
      }),
    )
  })

  test('and no text makes reading it throw', () => {
    fc.assert(fc.property(fc.string(), text => parseRule(text).kind.length > 0))
  })
})
