import { expect, test } from './fixtures.ts';

test('the view opens from the activity bar and the command is in the palette', async ({ workbench }) => {
  await workbench.openCulvert();
  expect(await workbench.findCommands('Culvert: Forward Port')).toContain('Culvert: Forward Port…');
  await workbench.screenshot('smoke');
  expect(workbench.problems()).toEqual([]);
});
