// Runs the suite whose folder is the first argument through the proxy whose address is the second,
// and prints a line of JSON for each test.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [, , folder, proxy] = process.argv
const part = (path) => import(new URL(path, pathToFileURL(folder + '/')).href)
const { runTests, getResults } = await part('client/runner.mjs')
const fetch = createRequire(folder + '/')('node-fetch')
const suites = [...(await part('tests/index.mjs')).default]
suites.push((await part('tests/surrogate-control.mjs')).default)

const print = console.log
console.log = () => {}
await runTests(suites, fetch, false, proxy)
const results = getResults()
for (const suite of suites) {
  for (const test of suite.tests.filter((test) => test.browser_only !== true)) {
    const result = results[test.id] ?? ['Setup', 'it did not run']
    print(JSON.stringify({
      suite: suite.id,
      id: test.id,
      kind: test.kind ?? 'required',
      passed: result === true,
      why: result === true ? '' : String(result[1])
    }))
  }
}
process.exit(0)
