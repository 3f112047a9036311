/** Builds `dist`: types and modules by tsc, then each module that goes to a browser minified in its place. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** Properties that never leave the package. Every other name is the API's, the browser's, or of what tabs say. */
const inner = [
  'asked become check dead due entry epoch fails flightMs forget held holds isClosed isGone isRefreshing isShared',
  'isSharing issued known life line lock need onSnapshot peek phase raw remaining renew replacedAt report retryAt say schedule',
  'share shown state until wake',
]
  .join(' ')
  .split(' ')
const isInner = new RegExp(`^(${inner.join('|')})$`)
/** The same in all modules. */
const short = Object.fromEntries(inner.map((name, i) => [name, String.fromCharCode((i < 26 ? 65 : 71) + i)]))

const dist = join(import.meta.dirname, 'dist')
rmSync(dist, { recursive: true, force: true })
execFileSync('tsc', ['-p', join(import.meta.dirname, 'tsconfig.build.json')], { stdio: 'inherit' })

// What a program may name keeps its name. `next` and `server` run where size is nothing, `testing` shows its parts.
const asTheyAre = ['next', 'server', 'testing']
const outer = 'types errors world apollo article asked fetch forward graphql-ws header react urql'.split(' ')
for (const module of [...outer, ...asTheyAre])
  for (const [, name] of readFileSync(join(dist, `${module}.d.ts`), 'utf8').matchAll(/\b(\w+)\??[:(<]/g))
    if (isInner.test(name ?? '')) throw new Error(`${name} of ${module} is no inner name`)

const { warnings } = buildSync({
  entryPoints: globSync(join(dist, '*.js')).filter(
    file => !asTheyAre.some(name => file.endsWith(`/${name}.js`)),
  ),
  outdir: dist,
  allowOverwrite: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  mangleProps: isInner,
  mangleCache: short,
  sourcemap: true,
})
if (warnings.length) process.exit(1)
