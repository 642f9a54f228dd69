/* Places an order in the shop and prints the receipt: ./minimal shop.lua sqlite:shop.db */
#include <neap.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    neap_options options;
    neap_options_init(&options);
    options.store = argc > 2 ? argv[2] : "memory:";

    neap_error error;
    neap_runtime *shop;
    if (neap_open(argc > 1 ? argv[1] : "shop.lua", &options, &shop, &error) != NEAP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }

    const char *order = "{\"order_id\":\"o-1\",\"customer\":\"ada\",\"total\":4200}";
    neap_reply *reply;
    neap_status status =
        neap_dispatch(shop, "PlaceOrder", order, strlen(order), NULL, &reply, &error);
    if (status == NEAP_OK) {
        puts(neap_reply_json(reply, NULL));
        neap_reply_free(reply);
    } else {
        fprintf(stderr, "%s: %s\n", error.code, error.message);
    }
    neap_close(shop);
    return status == NEAP_OK ? 0 : 1;
}
