/**
 * @param {{token?: string} & Partial<Identity>} credential
 * @returns {string | null} a user_id; null for a token that only the server can read
 */
export function ownerOf({ token, participant_type, participant_id }: {
    token?: string;
} & Partial<Identity>): string | null;
/** What `auth` is sent with: whose it is, and whether another try is worth it. */
/** @typedef {import("./wire.js").Identity} Identity */
/** @typedef {string | (() => string | Promise<string>)} Token */
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
export type Identity = import("./wire.js").Identity;
export type Token = string | (() => string | Promise<string>);
