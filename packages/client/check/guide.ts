/** Compiles the code of the guide: each block of TypeScript in it is a program of its own. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const root = join(import.meta.dirname, '../../..')
const out = join(import.meta.dirname, '../guide')
const pages = readdirSync(join(root, 'docs/client')).map(name => join(root, 'docs/client', name))
pages.push(join(import.meta.dirname, '../README.md'))

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
let count = 0
for (const page of pages)
  for (const [, kind, code] of readFileSync(page, 'utf8').matchAll(/^```(tsx?)\n(.*?)^```/gms)) {
    count++
    writeFileSync(join(out, `${basename(page, '.md')}-${count}.${kind}`), code ?? '')
  }
// Its own types come with Next.js, which is not here.
writeFileSync(
  join(out, 'next.d.ts'),
  "declare module 'next/headers' {\n  export function headers(): Promise<Headers>\n}\n",
)
const options = { rootDir: '.', jsx: 'react-jsx' }
writeFileSync(
  join(out, 'tsconfig.json'),
  JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: options, include: ['.'] }),
)
execFileSync('tsc', ['-p', out], { stdio: 'inherit' })
console.log(`${count} programs of the guide compile`)
if (count < 15) throw new Error('the guide was cut')
