/* The contract suite on the store in memory. */
#include "contract/contract.h"

#include <string.h>

static void fresh(char url[CONTRACT_URL_SIZE])
{
    strcpy(url, "memory:");
}

static const contract_fixture memory = {.name = "memory", .fresh = fresh};
NEAPI_CONTRACT(memory)
