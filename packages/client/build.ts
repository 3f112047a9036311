/** Builds `dist`: types and modules by tsc, then each module that goes to a browser minified in its place. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, buildSync } from 'esbuild'

/** Properties that never leave the package. Every other name is the API's, the browser's, or of what tabs say. */
const inner = [
  'answered ask asked become check dead due ends entry epoch fails flightMs forget held holds isClosed isGone',
  'isShared isSharing issued known label least leave life line lock need onSnapshot overheard peek peers phase raw remaining renew',
  'replacedAt report retryAt running say schedule share shown state until wake',
]
  .join(' ')
  .split(' ')
const isInner = new RegExp(`^(${inner.join('|')})$`)

const dist = join(import.meta.dirname, 'dist')
rmSync(dist, { recursive: true, force: true })
execFileSync('tsc', ['-p', join(import.meta.dirname, 'tsconfig.build.json')], { stdio: 'inherit' })

// What a program may name keeps its name. The last ones run where size is nothing, `testing` shows its parts.
const entries = 'index apollo article fetch graphql-ws header react urql'.split(' ')
const asTheyAre = 'next server testing'.split(' ')
for (const module of [...entries, ...asTheyAre, 'types', 'errors', 'world'])
  for (const [, name] of readFileSync(join(dist, `${module}.d.ts`), 'utf8').matchAll(/\b(\w+)\??[:(<]/g))
    if (isInner.test(name ?? '')) throw new Error(`${name} of ${module} is no inner name`)

const options = {
  outdir: dist,
  format: 'esm',
  target: 'es2022',
  minify: true,
  mangleProps: isInner,
} satisfies BuildOptions

/** The same short names in all modules, the shortest for what is there most often. */
const { mangleCache } = buildSync({
  ...options,
  entryPoints: entries.map(entry => join(dist, `${entry}.js`)),
  bundle: true,
  packages: 'external',
  write: false,
  mangleCache: {},
})

const { warnings } = buildSync({
  ...options,
  entryPoints: globSync(join(dist, '*.js')).filter(
    file => !asTheyAre.some(name => file.endsWith(`/${name}.js`)),
  ),
  allowOverwrite: true,
  sourcemap: true,
  mangleCache: mangleCache ?? {},
})
if (warnings.length) process.exit(1)
