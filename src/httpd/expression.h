/* The token's claims in httpd's expressions. */
#ifndef MTO_EXPRESSION_H
#define MTO_EXPRESSION_H

#include <ap_expr.h>

/* Offers oauth_claim('PATH'), as a string (a number or boolean as JSON writes it, an array as a JSON list) and, behind
 * -in, as a list (the elements of an array, else the one value). Empty: no token authenticated the request, the claim
 * is absent or an object, or it has a control character. Hook expr_lookup. */
int mto_expression_lookup(ap_expr_lookup_parms *parms);

#endif
