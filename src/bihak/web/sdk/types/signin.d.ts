/**
 * @param {{token?: string} & Partial<Identity>} credential
 * @returns {string | null} a user_id; null for a token that only the server can read
 */
export function ownerOf({ token, participant_type, participant_id }: {
    token?: string;
} & Partial<Identity>): string | null;
export class SignIn {
    /** @param {SignInEnds} ends */
    constructor(ends: SignInEnds);
    /** On a connection that has just been opened. */
    begin(): Promise<void>;
    /** The connection is gone: whatever was begun on it is over. */
    disconnected(): void;
    /** The connection stays open while its token is replaced; should that fail, the server closes it and we resume. */
    refresh(): Promise<void>;
    /** @param {number} code @param {string} reason  the connection was closed with */
    closed(code: number, reason: string): void;
    #private;
}
/** Whose it is, and whether another try is worth it. */
export class Credentials {
    /** @param {{token?: Token, participant?: Identity}} options */
    constructor({ token, participant }: {
        token?: Token;
        participant?: Identity;
    });
    /** @returns {string | null} a user_id, where it can be told without asking for a token */
    get owner(): string | null;
    /** Whether there can be a token other than the last one. */
    get renewable(): boolean;
    /** @returns {Promise<{token?: string} & Partial<Identity>>} */
    next(): Promise<{
        token?: string;
    } & Partial<Identity>>;
    accepted(): void;
    /** A fresh token is worth one try; a second refusal in a row is the server's answer. */
    refused(): boolean;
    #private;
}
export type Welcome = import("./wire.js").Welcome;
export type Identity = import("./wire.js").Identity;
export type Token = string | (() => string | Promise<string>);
export type SignInEnds = {
    credentials: Credentials;
    keep: import("./keep.js").Keep;
    device?: string | undefined;
    /**
     * to arrive with
     */
    status?: (() => string | undefined) | undefined;
    resume: () => Record<string, number> | undefined;
    /**
     * sends `auth`; rejects with a Fault
     */
    ask: (fields: object) => Promise<Welcome>;
    /**
     * gives up on this connection, and tries again later
     */
    drop: (code: number, reason: string) => void;
    welcomed: (welcome: Welcome, resumed: boolean) => void;
    /**
     * for good
     */
    refused: (code: string, message: string) => void;
};
