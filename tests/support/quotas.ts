/** Tests and benches are a few accounts that ask for as much as thousands would: what is not about quotas has none. */
const AMPLE = '1000000';

export const AMPLE_QUOTAS = {
  CUSTOMER_COMMANDS_PER_SECOND: AMPLE,
  CUSTOMER_REFUSALS_PER_SECOND: AMPLE,
  CUSTOMER_READS_PER_SECOND: AMPLE,
  BANK_COMMANDS_PER_SECOND: AMPLE,
  BANK_READS_PER_SECOND: AMPLE,
};

/** As when nobody has set them, where `AMPLE_QUOTAS` would be: an empty variable counts as absent. */
export const USUAL_QUOTAS = Object.fromEntries(Object.keys(AMPLE_QUOTAS).map((name) => [name, '']));
