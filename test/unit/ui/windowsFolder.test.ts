import { describe, expect, it } from 'vitest';
import { windowsFolder } from '../../../src/ui/windowsFolder.ts';

describe('where the windows find each other', () => {
  const deep = `/home/${'x'.repeat(40)}/.config/Code - Insiders/User/globalStorage/culvert.culvert`;

  it('is in the storage of the extension, one for each computer that shares it', () => {
    const storage = '/home/me/.config/Code/User/globalStorage/culvert.culvert';
    const [here, there] = ['here', 'there'].map((computer) => windowsFolder(storage, '/tmp', computer));
    expect(here).toMatch(new RegExp(`^${storage}/windows-[0-9a-f]{12}$`));
    expect(there).not.toBe(here);
  });

  it('is where a socket has room, one for each storage, when that is too deep', () => {
    const folder = windowsFolder(deep, '/tmp');
    expect(folder).toMatch(/^\/tmp\/culvert-[0-9a-f]{12}$/);
    expect(windowsFolder(deep, '/tmp')).toBe(folder);
    expect(windowsFolder(`${deep}2`, '/tmp')).not.toBe(folder);
  });
});
