import { check, checkStep, Difference } from '../../../lab/demo/check.ts'
import type { StepResult } from '../../../lab/runner/runner.ts'

const step = (code: number, log: string) => ({ code, log }) as StepResult

test('a step that went as it should is nothing to speak of', () => {
  expect(() => checkStep(step(1, 'Error: Forbidden\n'), 'list', 1, ['Forbidden'])).not.toThrow()
  expect(() => check(true, 'holds')).not.toThrow()
})

test('a difference says what should be, what is, and the log', () => {
  const checking = () => checkStep(step(0, 'pods\n'), 'list pods', 1, ['Forbidden', 'pods'])
  expect(checking).toThrow(Difference)
  expect(checking).toThrow(
    'list pods:\nit should end with exit code 1, and ended with 0\nits log should say: Forbidden\nIts log:\npods\n',
  )
})
