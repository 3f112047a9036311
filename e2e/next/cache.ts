/** nginx before the app, which may keep what the app allows. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, Program } from '../program.ts'
import { Visitor } from '../visitor.ts'
import { expect, type NextApp } from './app.ts'

/** Somebody with a note that is nobody else's. */
export async function somebody(app: NextApp): Promise<{ cookie: string; mark: string; sub: string }> {
  const [visitor, { jwt_token }] = await Visitor.signedUp(app.stack.url)
  const mark = `note of ${visitor.email}`
  await app.notes.post(
    `mutation { addNote(text: ${JSON.stringify(mark)}) { id } }`,
    jwt_token,
    visitor.cookie(),
  )
  const { sub } = JSON.parse(Buffer.from(jwt_token.split('.')[1] ?? '', 'base64url').toString())
  return { cookie: visitor.cookie(), mark, sub }
}

/** Asks for pages of somebody and of visitors, twice each, and looks at what the cache has kept. */
export async function expectPrivate(app: NextApp): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-cache-'))
  const port = await freePort()
  await mkdir(join(folder, 'cache'))
  await writeFile(join(folder, 'nginx.conf'), configuration(port, app.url))
  const nginx = new Program('nginx', [
    '-p',
    folder,
    '-c',
    'nginx.conf',
    '-g',
    'daemon off; pid nginx.pid; error_log stderr;',
  ])
  try {
    await nginx.listens(port)
    const ask = (path: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers, redirect: 'manual' })
    const ann = await somebody(app)
    for (const path of ['/', '/notes', '/devices', '/signin']) {
      for (const headers of [
        { cookie: ann.cookie },
        { cookie: ann.cookie, rsc: '1' },
        { cookie: ann.cookie },
        {},
      ]) {
        const answer = await ask(path, headers)
        expect(answer.headers.get('x-cache')).not.toBe('HIT')
        const text = await answer.text()
        if (!('cookie' in headers)) expect(text).not.toContain(ann.sub)
      }
    }
    expect(await (await ask('/notes', { cookie: ann.cookie })).text()).toContain(ann.mark)
    // It does store what anybody may have.
    const script = /\/_next\/static\/[^"]+\.js/.exec(await (await ask('/')).text())?.[0] ?? ''
    await (await ask(script)).arrayBuffer()
    expect((await ask(script)).headers.get('x-cache')).toBe('HIT')
    const stored = await readdir(join(folder, 'cache'), { recursive: true, withFileTypes: true })
    const files = stored.filter(entry => entry.isFile())
    expect(files.length).toBeGreaterThan(0)
    for (const { parentPath, name } of files)
      expect(await readFile(join(parentPath, name), 'latin1')).not.toContain(ann.sub)
  } finally {
    await nginx.stop()
    await rm(folder, { recursive: true })
  }
}

/** By the path alone, and for as long as the app allows. */
const configuration = (port: number, app: string) => `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
events {}
http {
  access_log off;
  proxy_cache_path cache keys_zone=all:1m;
  proxy_temp_path temp;
  client_body_temp_path temp;
  fastcgi_temp_path temp;
  scgi_temp_path temp;
  uwsgi_temp_path temp;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${app.replace('localhost', '127.0.0.1')};
      proxy_cache all;
      proxy_cache_key $request_uri;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`
