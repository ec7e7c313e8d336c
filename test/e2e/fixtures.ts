import { test as base } from '@playwright/test';
import { mkdir } from 'node:fs/promises';
import { createTemporaryFolder } from '../support/temporaryFolder.ts';
import type { VsCodeVersion } from '../tools/vscode.mjs';
import { VsCode } from './vsCode.ts';
import { Workbench } from './workbench.ts';

export interface HarnessOptions {
  readonly vsCodeVersion: VsCodeVersion;
  /** User settings for every test of a file, on top of the calm ones: `test.use({ userSettings: {…} })`. */
  readonly userSettings: Readonly<Record<string, unknown>>;
}

interface TestFixtures {
  /** A workbench on an empty folder, in a browser profile of its own, with the settings and ~/.ssh as at the start. */
  readonly workbench: Workbench;
  /** Takes charge of something that must be released after the test, however it ends; the last taken is released first. */
  readonly own: Own;
}

export type Own = <T>(thing: T, release: (thing: T) => unknown) => T;

interface WorkerFixtures extends HarnessOptions {
  /** The VS Code server that all tests of a project share, with the packaged extension installed. */
  readonly vsCode: VsCode;
}

/** Playwright's `test`, with a real VS Code in it. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  vsCodeVersion: ['1.139', { option: true, scope: 'worker' }],
  userSettings: [{}, { option: true, scope: 'worker' }],

  vsCode: [
    async ({ vsCodeVersion, userSettings }, use) => {
      const vsCode = await VsCode.start(vsCodeVersion, userSettings);
      await use(vsCode);
      await vsCode.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  // Playwright tells a fixture's needs from this pattern; this one has none.
  own: async ({}, use) => {
    const releases: (() => unknown)[] = [];
    await use((thing, release) => {
      releases.unshift(() => release(thing));
      return thing;
    });
    for (const release of releases) await release();
  },

  workbench: async ({ vsCode, page }, use, testInfo) => {
    await vsCode.reset();
    const folder = await createTemporaryFolder('workspace');
    await mkdir(folder.join('project'));
    const workbench = await Workbench.open({ page, vsCode, folder: folder.join('project'), projectName: testInfo.project.name });
    await use(workbench);
    if (testInfo.status !== testInfo.expectedStatus) await attachDiagnostics(workbench, vsCode, testInfo);
    await workbench.close();
    await folder.remove();
  },
});

export { expect } from '@playwright/test';

type TestInfo = Parameters<Parameters<typeof test>[2]>[1];

async function attachDiagnostics(workbench: Workbench, vsCode: VsCode, testInfo: TestInfo): Promise<void> {
  const name = testInfo.titlePath.slice(1).join(' ').replace(/[^A-Za-z0-9]+/g, '-');
  await workbench.screenshot(`failure-${name}`);
  await testInfo.attach('browser console', { body: workbench.consoleText(), contentType: 'text/plain' });
  await testInfo.attach('VS Code server', { body: vsCode.output(), contentType: 'text/plain' });
}
