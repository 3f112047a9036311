/** What each entry adds to a page: bundled, minified, gzipped. Fails over the limit. */
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'

/**
 * In bytes: the size that was wished for, and the one that must not be passed. What a page has anyway (a GraphQL
 * client, React, the core) is left out of an entry's own size.
 */
const limits: [entries: string[], goal: number, limit: number][] = [
  [['index'], 3_500, 6_900],
  [['fetch'], 600, 600],
  [['apollo'], 700, 700],
  [['urql'], 350, 430],
  [['graphql-ws'], 800, 800],
  [['react'], 500, 500],
  [['header'], 500, 900],
  [['index', 'apollo', 'graphql-ws', 'react'], 5_500, 8_350],
]

const peers = ['@apollo/client', '@urql/exchange-auth', 'graphql-ws', 'react']

function size(entries: string[]): number {
  const isAlone = entries.length === 1 && entries[0] !== 'index'
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
    external: [...peers, ...(isAlone ? ['./index.js', './errors.js'] : [])],
  })
  // A name that was shortened in one module and not in another.
  if (built.warnings.length) process.exit(1)
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
