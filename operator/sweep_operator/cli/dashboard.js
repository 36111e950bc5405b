"use strict";
// A page takes finished trials for settled, and asks only for later ones. Where a run has been run
// again or deleted all the same, the server says so with its next answer, and the page begins anew.
{
  const ask = window.fetch;
  let known = null;
  window.fetch = async (...request) => {
    const answer = await ask(...request);
    const told = answer.headers.get("Sweep-Taken-Back");
    if (told !== null && told !== (known ??= told)) location.reload();
    return answer;
  };
}
