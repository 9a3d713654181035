package mocks

import (
	"fmt"
	"time"

	"wf/builtins"
)

// shopHandlers are those of workflows/tasker/order_fulfillment.yaml.
var shopHandlers = []handler{
	{"Shop::ReserveStockHandler", reserveStockHandler},
	{"Shop::CheckFraudHandler", checkFraudHandler},
	{"Shop::ChargePaymentHandler", chargePaymentHandler},
	{"Shop::PackParcelHandler", packParcelHandler},
	{"Shop::ShipParcelHandler", shipParcelHandler},
	{"Shop::NotifyCustomerHandler", notifyCustomerHandler},
}

// success is the answer of a handler that needs no service.
func success(took time.Duration, body map[string]any) builtins.Answer {
	return builtins.Answer{Status: 200, Body: body, Latency: took}
}

func reserveStockHandler(_ *World, _ builtins.Call, x stepContext) builtins.Answer {
	items, _ := x.Input["items"].([]any)
	return success(30*time.Millisecond, map[string]any{"reservation": fmt.Sprintf("r-%v", x.Input["order_id"]), "lines": len(items)})
}

func checkFraudHandler(_ *World, _ builtins.Call, _ stepContext) builtins.Answer {
	return success(80*time.Millisecond, map[string]any{"trusted": true})
}

func chargePaymentHandler(_ *World, _ builtins.Call, x stepContext) builtins.Answer {
	if x.result("check_fraud", "trusted") != true {
		return fault("NOT_TRUSTED")
	}
	lines, _ := x.result("reserve_stock", "lines").(int)
	return success(120*time.Millisecond, map[string]any{"charge_id": 900, "total_cents": 4200 * lines})
}

func packParcelHandler(_ *World, _ builtins.Call, x stepContext) builtins.Answer {
	return success(40*time.Millisecond, map[string]any{"parcel": "p-1", "reservation": x.result("reserve_stock", "reservation")})
}

func shipParcelHandler(_ *World, _ builtins.Call, _ stepContext) builtins.Answer {
	return success(60*time.Millisecond, map[string]any{"tracking": "T1"})
}

func notifyCustomerHandler(_ *World, _ builtins.Call, x stepContext) builtins.Answer {
	return success(20*time.Millisecond, map[string]any{"told": x.result("ship_parcel", "tracking")})
}
