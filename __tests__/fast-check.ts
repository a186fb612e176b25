import fc from '../node_modules/fast-check/lib/fast-check.js'

// What every test has by the name of fast-check (jest.config.js): it draws the same cases in each run, so that a run tells
// of the change and not of its luck. FUZZ_SEED=$RANDOM draws others; a failure names the seed that it met.
fc.configureGlobal({ seed: Number(process.env.FUZZ_SEED ?? 20261126) })

export default fc
