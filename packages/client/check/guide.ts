/**
 * Compiles the code of the guide: each block of TypeScript in it is a program of its own, unless its first line names
 * the file, as in "// lib/session.ts": then it is one of an app.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

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
    const name = /^\/\/ (\S+\.tsx?)\n/.exec(code ?? '')?.[1]
    const file = join(out, basename(page, '.md'), name ?? `${count}.${kind}`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, code ?? '')
  }
// As an app's bundler finds modules
const options = { rootDir: '.', jsx: 'react-jsx', module: 'preserve', moduleResolution: 'bundler' }
writeFileSync(
  join(out, 'tsconfig.json'),
  JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: options, include: ['.'] }),
)
execFileSync('tsc', ['-p', out], { stdio: 'inherit' })
console.log(`${count} programs of the guide compile`)
if (count < 15) throw new Error('the guide was cut')
