import { defineConfig } from '@playwright/test'

const quiet = [
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
// Chromium's sandbox refuses to run as root, which is who runs the gate.
const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []

export default defineConfig({
  testDir: '.',
  testMatch: '**/*.spec.ts',
  outputDir: '../test-results',
  reporter: [['list'], ['./sdk/scenarios.ts']],
  projects: [
    { name: 'page', testIgnore: ['article/**', 'next/**', 'sdk/**'] },
    { name: 'article', testMatch: 'article/*.spec.ts', use: { trace: 'off' } },
    // Many tabs at once: what a trace costs would be most of what is measured.
    { name: 'sdk', testMatch: 'sdk/*.spec.ts', use: { trace: 'off' } },
    { name: 'next', testMatch: 'next/*.spec.ts', timeout: 180_000, use: { trace: 'off' } },
  ],
  forbidOnly: true,
  workers: 1,
  timeout: 60_000,
  globalTimeout: 1_800_000,
  expect: { timeout: 15_000 },
  use: {
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [...quiet, ...sandbox],
      // Playwright switches it off, and pages come back from it in every real browser.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    },
  },
})
