import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { candidates, findProgram } from '../../src/kube/program.ts'
import { isWindows, putProgram } from '../systems.ts'

describe('on Linux and macOS a command means', () => {
  const look = (command: string, PATH?: string) => candidates(command, { PATH }, 'linux')

  test('what has its name in a folder of PATH, the first one first', () => {
    expect(look('aws', '/usr/local/bin:/usr/bin')).toEqual(['/usr/local/bin/aws', '/usr/bin/aws'])
  })

  test('the file that it is the path of', () => {
    expect(look('/opt/aws', '/usr/bin')).toEqual(['/opt/aws'])
    expect(look('./aws', '/usr/bin')).toEqual(['./aws'])
  })
})

describe('on Windows a command means', () => {
  const look = (command: string, env: NodeJS.ProcessEnv) => candidates(command, env, 'win32')
  const PATHEXT = '.COM;.EXE;.CMD'

  test('what has its name and an ending of PATHEXT in a folder of PATH', () => {
    expect(look('aws', { PATH: 'C:\\a;D:\\b\\', PATHEXT })).toEqual([
      ...['C:\\a\\aws.COM', 'C:\\a\\aws.EXE', 'C:\\a\\aws.CMD'],
      ...['D:\\b\\aws.COM', 'D:\\b\\aws.EXE', 'D:\\b\\aws.CMD'],
    ])
  })

  test('the usual endings where PATHEXT is not set', () => {
    expect(look('aws', { PATH: 'C:\\a' })).toEqual([
      'C:\\a\\aws.com',
      'C:\\a\\aws.exe',
      'C:\\a\\aws.bat',
      'C:\\a\\aws.cmd',
    ])
  })

  test('the very file first, where it has an ending', () => {
    expect(look('aws.exe', { PATH: 'C:\\a', PATHEXT: '.EXE' })).toEqual([
      'C:\\a\\aws.exe',
      'C:\\a\\aws.exe.EXE',
    ])
  })

  test.each(['C:\\node\\node.exe', 'C:/node/node.exe', '..\\node.exe'])(
    'the file that it is the path of: %s',
    path => {
      expect(look(path, { PATH: 'C:\\a', PATHEXT: '.EXE' })).toEqual([path, `${path}.EXE`])
    },
  )

  test('a program in a folder that stands in quotes', () => {
    expect(look('aws', { PATH: '"C:\\Program Files\\a"', PATHEXT: '.EXE' })).toEqual([
      'C:\\Program Files\\a\\aws.EXE',
    ])
  })

  test('nothing of the working directory, where a job may have checked out anything', () => {
    expect(look('aws', { PATH: ';.;bin;;C:\\a', PATHEXT: '.EXE' })).toEqual(['C:\\a\\aws.EXE'])
    expect(look('aws', {})).toEqual([])
  })
})

describe('of this system', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'program-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('the first on PATH that is there is found', async () => {
    await putProgram(folder, 'aws', '')
    const PATH = [join(folder, 'nowhere'), folder].join(delimiter)
    const found = findProgram('aws', { PATH, PATHEXT: '.exe;.cmd' })
    expect(found).toBe(join(folder, isWindows ? 'aws.cmd' : 'aws'))
  })

  test('nothing is found where nothing is', () => {
    expect(findProgram('aws', { PATH: folder })).toBeUndefined()
    expect(findProgram(join(folder, 'aws'), { PATH: folder })).toBeUndefined()
  })
})
