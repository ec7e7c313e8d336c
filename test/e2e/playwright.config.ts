import { defineConfig } from '@playwright/test';
import { existsSync } from 'node:fs';
import type { HarnessOptions } from './fixtures.ts';

const SYSTEM_BROWSER = '/usr/bin/chromium';
const chosenBrowser = process.env.CHROMIUM ?? (existsSync(SYSTEM_BROWSER) ? SYSTEM_BROWSER : undefined);

export default defineConfig<object, HarnessOptions>({
  testDir: '.',
  outputDir: '../../test-results/e2e',
  // One VS Code and one browser at a time: the tests share ports, settings and the processor.
  workers: 1,
  fullyParallel: false,
  forbidOnly: process.env.CI !== undefined,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: '../../test-results/e2e.json' }]],
  use: {
    viewport: { width: 1280, height: 800 },
    actionTimeout: 15_000,
    permissions: ['clipboard-read', 'clipboard-write'],
    screenshot: 'only-on-failure',
    // Without the film, whose encoding takes half of a small machine.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      ...(chosenBrowser === undefined ? {} : { executablePath: chosenBrowser }),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    // `npm start` has a VS Code of its own, the newest one.
    { name: 'oldest', use: { vsCodeVersion: '1.100' }, testIgnore: 'start.spec.ts' },
    { name: 'newest', use: { vsCodeVersion: '1.139' } },
  ],
});
