/** Objects as rows of a table, which is how kubectl asks for them (Table, meta.k8s.io/v1). */
import type { Kind } from './kinds.ts'
import type { ConfigMap, KubeObject, RbacBinding, Subject } from './objects.ts'

type Cell = string | number
/** A column, and from which width of output on it is shown: kubectl shows those of priority 1 with `-o wide`. */
type Column = { readonly name: string; readonly wide?: true; readonly cell: (object: KubeObject) => Cell }

const NAME: Column = { name: 'Name', cell: ({ metadata }) => metadata.name }
const AGE: Column = { name: 'Age', cell: ({ metadata }) => age(metadata.creationTimestamp) }
const CREATED: Column = { name: 'Created At', cell: ({ metadata }) => metadata.creationTimestamp ?? '' }
const none = () => ''

const BINDING: readonly Column[] = [
  NAME,
  { name: 'Role', cell: roleOf },
  AGE,
  { name: 'Users', wide: true, cell: object => subjects(object, 'User') },
  { name: 'Groups', wide: true, cell: object => subjects(object, 'Group') },
  { name: 'ServiceAccounts', wide: true, cell: object => subjects(object, 'ServiceAccount') },
]

/** The columns that an API server gives each kind. */
const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [NAME, { name: 'Status', cell: phaseOf }, AGE],
  // There never is a pod: only their names are told.
  Pod: [NAME, ...['Ready', 'Status', 'Restarts', 'Age'].map(name => ({ name, cell: none }))],
  ConfigMap: [NAME, { name: 'Data', cell: entriesOf }, AGE],
  ClusterRole: [NAME, CREATED],
  Role: [NAME, CREATED],
  ClusterRoleBinding: BINDING,
  RoleBinding: BINDING,
}

/**
 * The table of some objects.
 *
 * @param include how much of each object goes with its row (`includeObject` of the request)
 */
export function tableOf(
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: object,
  include: string,
): object {
  const columns = COLUMNS[kind.kind] ?? [NAME]
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(column => ({
      name: column.name,
      type: column.name === 'Data' ? 'integer' : 'string',
      format: column === NAME ? 'name' : '',
      description: '',
      priority: column.wide ? 1 : 0,
    })),
    rows: objects.map(object => ({
      cells: columns.map(({ cell }) => cell(object)),
      object: part(object, include),
    })),
  }
}

function part(object: KubeObject, include: string): object | null {
  if (include === 'None') return null
  if (include === 'Object') return object
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
}

function phaseOf(object: KubeObject): string {
  return (object as KubeObject & { status?: { phase?: string } }).status?.phase ?? ''
}

function entriesOf(object: KubeObject): number {
  return Object.keys((object as ConfigMap).data ?? {}).length
}

function roleOf(object: KubeObject): string {
  const { roleRef } = object as RbacBinding
  return `${roleRef.kind}/${roleRef.name}`
}

function subjects(object: KubeObject, kind: Subject['kind']): string {
  const named = ((object as RbacBinding).subjects ?? []).filter(subject => subject.kind === kind)
  return named.map(({ namespace, name }) => (namespace ? `${namespace}/${name}` : name)).join(', ')
}

/** As kubectl's tables tell an age (duration.HumanDuration of k8s.io/apimachinery). */
function age(timestamp: string | undefined): string {
  if (timestamp === undefined) return '<unknown>'
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(timestamp)) / 1000))
  const [minutes, hours, days] = [60, 3600, 86_400].map(unit => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ]
  if (seconds < 120) return `${seconds}s`
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`
  if (minutes < 180) return `${minutes}m`
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`
  if (hours < 48) return `${hours}h`
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`
  return `${days}d`
}
