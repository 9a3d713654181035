package mocks

import (
	"fmt"
	"time"

	"wf/builtins"
)

// shop is the services of workflows/services/shop.wf. Its card tokens tell how a
// charge ends, as test cards do: tok_declined, tok_expired and tok_stolen are refused,
// tok_3ds has to be confirmed and is so after six seconds, tok_3ds_refused is not, and
// all others pay.
var shop = domain{
	profiles: map[string]profile{
		"catalog":  {"catalog-service", "4.2.0", 5, 25},
		"stock":    {"stock-service", "2.0.4", 10, 40},
		"fraud":    {"fraud-service", "1.9.0", 80, 250},
		"card":     {"card-gateway", "2024-06", 120, 400},
		"orders":   {"order-service", "3.1.0", 15, 60},
		"shipping": {"label-service", "1.4.2", 60, 200},
		"mailer":   {"mail-service", "5.0.0", 20, 80},
	},
	operations: map[string]operation{
		"catalog.price_cart":    priceCart,
		"stock.reserve":         reserveStock,
		"stock.backorder":       backorderStock,
		"stock.release":         releaseStock,
		"fraud.screen":          screenFraud,
		"card.charge":           chargeCard,
		"card.get_charge":       getCharge,
		"card.refund":           refundCharge,
		"orders.create":         createOrder,
		"orders.cancel":         cancelOrder,
		"shipping.create_label": createLabel,
		"mailer.send":           sendMail,
	},
}

// article is what the shop sells.
type article struct {
	title         string
	cents, weight int
	stock         int  // at the start
	discontinued  bool // it will not come again
}

var articles = map[string]article{
	"lamp":      {"Desk lamp", 4900, 1200, 12, false},
	"rug":       {"Wool rug", 18900, 6500, 2, false},
	"desk":      {"Oak desk", 34900, 24000, 5, false},
	"candle":    {"Beeswax candle", 900, 300, 0, false},
	"vase":      {"Glass vase", 2900, 800, 0, true},
	"gift_card": {"Gift card", 2500, 0, 1000, false},
}

// lines reads the lines of a cart.
func lines(c builtins.Call) (out []struct {
	sku      string
	quantity int
}) {
	list, _ := c.Args["lines"].([]any)
	for _, e := range list {
		line, _ := e.(map[string]any)
		sku, _ := line["sku"].(string)
		quantity, _ := line["quantity"].(int)
		out = append(out, struct {
			sku      string
			quantity int
		}{sku, quantity})
	}
	return out
}

func priceCart(_ *World, c builtins.Call) reply {
	var priced, unknown []any
	goods, weight := 0, 0
	for _, l := range lines(c) {
		a, sold := articles[l.sku]
		if !sold {
			unknown = append(unknown, l.sku)
			continue
		}
		goods += a.cents * l.quantity
		weight += a.weight * l.quantity
		priced = append(priced, map[string]any{"sku": l.sku, "title": a.title, "quantity": l.quantity, "unit_cents": a.cents, "cents": a.cents * l.quantity})
	}
	if unknown != nil {
		return reply{status: 404, body: map[string]any{"error": "some articles are not sold", "unknown": unknown}}
	}
	discount := 0
	switch c.Args["coupon"] {
	case nil:
	case "WELCOME10":
		discount = goods / 10
	case "SUMMER25":
		return reply{class: "COUPON_REFUSED", body: map[string]any{"coupon": "SUMMER25", "reason": "it was valid until 2025-08-31"}}
	default:
		return reply{class: "COUPON_REFUSED", body: map[string]any{"coupon": c.Args["coupon"], "reason": "there is no such coupon"}}
	}
	shipping := 0
	switch {
	case weight == 0:
	case c.Args["speed"] == "express":
		shipping = 1490
	case c.Args["country"] != "DE":
		shipping = 990
	case goods-discount < 5000:
		shipping = 490
	}
	total := goods - discount + shipping
	return reply{status: 200, body: map[string]any{"lines": priced, "goods_cents": goods, "discount_cents": discount, "shipping_cents": shipping,
		"total_cents": total, "vat_cents": (total*19 + 59) / 119, "weight": weight}}
}

// left is how many of an article are neither reserved nor sold.
func (w *World) left(sku string) int {
	n := articles[sku].stock
	for _, r := range w.Table("reservations").Rows {
		if held, _ := r["held"].(map[string]int); r["released"] == nil {
			n -= held[sku]
		}
	}
	return n
}

// hold reserves up to so many of each article.
func (w *World) hold(c builtins.Call) map[string]any {
	held := map[string]int{}
	for _, l := range lines(c) {
		held[l.sku] += min(l.quantity, max(w.left(l.sku)-held[l.sku], 0))
	}
	minutes, _ := c.Args["minutes"].(int)
	row := w.insert("reservations", c, map[string]any{"reference": c.Args["reference"], "held": held})
	row["reservation_id"] = fmt.Sprintf("res_%v", row["id"])
	row["expires_at"] = stamp(c.At.Add(time.Duration(minutes) * time.Minute))
	return pick(row, "reservation_id", "expires_at")
}

func reserveStock(w *World, c builtins.Call) reply {
	var short []any
	for _, l := range lines(c) {
		if n := w.left(l.sku); n < l.quantity {
			short = append(short, map[string]any{"sku": l.sku, "wanted": l.quantity, "left": n})
		}
	}
	if short != nil {
		return reply{class: "SOLD_OUT", body: map[string]any{"short": short}}
	}
	return reply{status: 201, body: w.hold(c)}
}

func backorderStock(w *World, c builtins.Call) reply {
	var gone []any
	for _, l := range lines(c) {
		if articles[l.sku].discontinued && w.left(l.sku) < l.quantity {
			gone = append(gone, l.sku)
		}
	}
	if gone != nil {
		return reply{class: "SOLD_OUT", body: map[string]any{"discontinued": gone}}
	}
	return reply{status: 201, body: merge(w.hold(c), map[string]any{"expected_on": c.At.AddDate(0, 0, 14).Format(time.DateOnly)})}
}

func releaseStock(w *World, c builtins.Call) reply {
	r := w.Table("reservations").Find("reference", c.Args["reference"])
	if until, _ := r["expires_at"].(string); r == nil || stamp(c.At) > until {
		return reply{status: 404, body: map[string]any{"error": "nothing is reserved"}}
	}
	r["released"] = stamp(c.At)
	return reply{status: 204}
}

func screenFraud(_ *World, c builtins.Call) reply {
	score, rule := 10, any(nil)
	if c.Args["card_country"] != c.Args["ship_country"] {
		score, rule = 45, "foreign_card"
	}
	if cents, _ := c.Args["amount_cents"].(int); cents >= 50000 {
		score, rule = score+40, "large_amount"
	}
	verdict := "approve"
	switch {
	case score >= 80:
		verdict = "reject"
	case score >= 50:
		verdict = "review"
	}
	body := map[string]any{"verdict": verdict, "score": score}
	if rule != nil {
		body["rule"] = rule
	}
	return reply{status: 200, body: body}
}

func chargeCard(w *World, c builtins.Call) reply {
	if same := w.Table("charges").Find("reference", c.Args["reference"]); same != nil {
		return reply{status: 200, body: shownCharge(same, c.At)}
	}
	declined := map[any]string{"tok_declined": "insufficient_funds", "tok_expired": "expired_card", "tok_stolen": "stolen_card"}
	if code := declined[c.Args["token"]]; code != "" {
		return reply{status: 402, body: map[string]any{"error": "the card was declined", "decline_code": code}}
	}
	state := "captured"
	if c.Args["capture"] == false {
		state = "authorized"
	}
	row := w.insert("charges", c, map[string]any{"reference": c.Args["reference"], "amount_cents": c.Args["amount_cents"], "state": state})
	row["charge_id"] = fmt.Sprintf("ch_%016x", w.draw("charge", c))
	if c.Args["token"] == "tok_3ds" || c.Args["token"] == "tok_3ds_refused" {
		row["confirmed"] = c.At.Add(6 * time.Second)
		if c.Args["token"] == "tok_3ds_refused" {
			row["state"] = "refused"
		}
		return reply{status: 202, body: shownCharge(row, c.At)}
	}
	return reply{status: 201, body: shownCharge(row, c.At)}
}

// shownCharge is a charge as it looks at a time: pending until it is confirmed.
func shownCharge(row map[string]any, now time.Time) map[string]any {
	out := pick(row, "charge_id", "reference", "amount_cents", "state")
	if at, waits := row["confirmed"].(time.Time); waits && now.Before(at) {
		out["state"] = "pending"
	}
	return out
}

func getCharge(w *World, c builtins.Call) reply {
	row := w.Table("charges").Find("charge_id", c.Args["charge_id"])
	if row == nil {
		return reply{status: 404, body: map[string]any{"error": "there is no such charge"}}
	}
	return reply{status: 200, body: shownCharge(row, c.At)}
}

func refundCharge(w *World, c builtins.Call) reply {
	charge := w.Table("charges").Find("reference", c.Args["reference"])
	if charge == nil || charge["state"] == "refused" {
		return reply{status: 404, body: map[string]any{"error": "nothing was taken"}}
	}
	if old := w.Table("refunds").Find("reference", c.Args["reference"]); old != nil {
		return reply{class: "ALREADY_REFUNDED", body: pick(old, "refund_id")}
	}
	row := w.insert("refunds", c, map[string]any{"reference": c.Args["reference"], "amount_cents": charge["amount_cents"]})
	row["refund_id"] = fmt.Sprintf("rf_%v", row["id"])
	return reply{status: 201, body: pick(row, "refund_id", "amount_cents")}
}

func createOrder(w *World, c builtins.Call) reply {
	fields := []string{"order_id", "number", "reference", "status", "created_at"}
	if same := w.Table("orders").Find("reference", c.Args["reference"]); same != nil {
		return reply{status: 200, body: pick(same, fields...)}
	}
	r := w.Table("reservations").Find("reservation_id", c.Args["reservation_id"])
	if until, _ := r["expires_at"].(string); r == nil || r["released"] != nil || stamp(c.At) > until {
		return reply{status: 410, body: map[string]any{"error": "the reservation has run out"}}
	}
	status := "paid"
	if c.Args["on_hold"] == true {
		status = "on_hold"
	}
	row := w.insert("orders", c, map[string]any{"reference": c.Args["reference"], "status": status})
	row["order_id"] = fmt.Sprintf("ord_%v", row["id"])
	row["number"] = 10000 + row["id"].(int)
	return reply{status: 201, body: pick(row, fields...)}
}

func cancelOrder(w *World, c builtins.Call) reply {
	same := w.Table("orders").Find("reference", c.Args["reference"])
	if same == nil {
		return reply{status: 404, body: map[string]any{"error": "there is no such order"}}
	}
	same["status"] = "cancelled"
	return reply{status: 204}
}

func createLabel(w *World, c builtins.Call) reply {
	to, _ := c.Args["to"].(map[string]any)
	if to["zip"] == "00000" {
		return reply{status: 422, body: map[string]any{"error": "there is no place with this code", "field": "zip"}}
	}
	days := 3
	if c.Args["speed"] == "express" {
		if weight, _ := c.Args["weight"].(int); weight > 20000 {
			return reply{class: "NO_CARRIER", body: map[string]any{"speed": "express", "reason": "heavier than 20 kg"}}
		}
		days = 1
	}
	row := w.insert("labels", c, map[string]any{"order_id": c.Args["order_id"]})
	return reply{status: 201, body: map[string]any{"label_id": fmt.Sprintf("lbl_%v", row["id"]), "carrier": "Parcel Post",
		"tracking": fmt.Sprintf("PP%011d", w.draw("tracking", c)%1e11), "deliver_by": c.At.AddDate(0, 0, days).Format(time.DateOnly)}}
}

func sendMail(w *World, c builtins.Call) reply {
	row := w.insert("mails", c, pick(c.Args, "to", "template"))
	return reply{status: 202, body: map[string]any{"message_id": fmt.Sprintf("msg_%v", row["id"])}}
}
