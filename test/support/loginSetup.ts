import type { SecretQuestion } from '../../src/protocol/messages.ts';
import { closePlane, PlaneClient } from './planeClient.ts';
import { trusting } from './planeTargets.ts';
import { Sshd, type SshdOptions } from './sshd.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

/** A plane, a folder for keys, and the one server that a test logs in to. */
export class LoginSetup {
  private server: Sshd | undefined;

  private constructor(
    readonly plane: PlaneClient,
    readonly folder: TemporaryFolder,
  ) {}

  static async open(): Promise<LoginSetup> {
    const folder = await createTemporaryFolder('login');
    return new LoginSetup(await PlaneClient.start(), folder);
  }

  /** The plane trusts it; what it asks a person, the test answers. */
  async startServer(options: SshdOptions): Promise<Sshd> {
    this.server = await Sshd.start(options);
    this.plane.answers = trusting(this.server);
    return this.server;
  }

  /** What a person was asked for, in order. */
  secretsAsked(): SecretQuestion[] {
    return this.plane.questions.filter(({ method }) => method === 'needSecret').map(({ params }) => params as SecretQuestion);
  }

  async close(): Promise<void> {
    await closePlane(this.plane, this.server, this.folder);
  }
}
