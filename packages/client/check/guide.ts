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
// As far as the guide uses it: its package has no `exports`, which this strict resolution wants.
writeFileSync(
  join(out, 'next.d.ts'),
  `declare module 'next/headers' {
  export function headers(): Promise<Headers>
}
declare module 'next/server' {
  export class NextRequest extends Request {}
  export class NextResponse extends Response {
    static next(init: { request: { headers: Headers } }): NextResponse
  }
}
`,
)
const options = { rootDir: '.', jsx: 'react-jsx' }
writeFileSync(
  join(out, 'tsconfig.json'),
  JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: options, include: ['.'] }),
)
execFileSync('tsc', ['-p', out], { stdio: 'inherit' })
console.log(`${count} programs of the guide compile`)
if (count < 15) throw new Error('the guide was cut')
