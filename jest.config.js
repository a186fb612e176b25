const common = {
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
}

/** Two projects: what needs only Node, and what needs the real cluster. */
export default {
  projects: [
    {
      ...common,
      displayName: 'node',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: ['/__tests__/real/'],
    },
    { ...common, displayName: 'real', testMatch: ['<rootDir>/__tests__/real/**/*.test.ts'] },
  ],
}
