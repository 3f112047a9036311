/** What each entry adds to a page: bundled, minified, gzipped. Fails over the limit. */
import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'

/**
 * In bytes: the size that was wished for, and the one that must not be passed. What a page has anyway (a GraphQL
 * client, React, the core) is left out of an entry's own size.
 */
const limits: [entries: string[], goal: number, limit: number][] = [
  [['index'], 3_500, 5_540],
  [['fetch'], 600, 600],
  [['apollo'], 700, 700],
  [['urql'], 350, 365],
  [['graphql-ws'], 800, 800],
  [['react'], 500, 500],
  [['header'], 500, 705],
  [['index', 'apollo', 'graphql-ws', 'react'], 5_500, 6_965],
]

const peers = ['@apollo/client', '@urql/exchange-auth', 'graphql-ws', 'react']

function bundle(entries: string[], external: string[]) {
  const built = buildSync({
    stdin: {
      contents: entries.map(entry => `export * from './dist/${entry}.js'`).join('\n'),
      resolveDir: `${import.meta.dirname}/..`,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
    external: [...peers, ...external],
  })
  // A name that was shortened in one module and not in another.
  if (built.warnings.length) process.exit(1)
  return built
}

/** The modules of the core. */
const core = Object.keys(bundle(['index'], []).metafile.inputs).map(path => `./${basename(path)}`)

function size(entries: string[]): number {
  const built = bundle(entries, entries.includes('index') ? [] : core)
  return gzipSync(built.outputFiles[0]?.contents ?? '', { level: 9 }).length
}

let isOver = false
for (const [entries, goal, limit] of limits) {
  const bytes = size(entries)
  isOver ||= bytes > limit
  console.log(
    `${entries.join(' + ').padEnd(40)} ${String(bytes).padStart(6)}, at most ${limit}, goal ${goal}`,
  )
}
process.exitCode = isOver ? 1 : 0
