import { availableParallelism } from 'node:os'

const common = {
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  moduleNameMapper: { '^fast-check$': '<rootDir>/__tests__/fast-check.ts' },
}

/** Two projects: what needs only Node, and what needs the real cluster. Both run the scenarios, each on its own. */
export default {
  // Much of the time a test waits: for a process, for a timeout that it is about.
  maxWorkers: 2 * availableParallelism(),
  // Milliseconds. A machine that has other things to do makes no test fail.
  testTimeout: 30_000,
  // What `npm test` counts coverage from, with what the bundles add to it (scripts/coverage.ts).
  collectCoverageFrom: ['src/**/*.ts'],
  coverageReporters: ['json'],
  projects: [
    {
      ...common,
      displayName: 'node',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: ['/__tests__/real/'],
      globals: { KUBERNETES: 'embedded' },
    },
    {
      ...common,
      displayName: 'real',
      testMatch: ['<rootDir>/__tests__/{real,scenarios}/**/*.test.ts'],
      globals: { KUBERNETES: 'real' },
    },
  ],
}
