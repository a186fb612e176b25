export { ACTION, expectFailure, PATIENCE, realScenario as scenario } from '../scenarios/scenario.ts'
